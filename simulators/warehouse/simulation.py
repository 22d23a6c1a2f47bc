"""Puts a warehouse's days together: plan what happens, let the devices see it, say what is to be found."""

from __future__ import annotations

from guardian.events.topics import INVENTORY_PHYSICAL
from simulators.store.chance import Chance
from simulators.warehouse import everyday, truth
from simulators.warehouse.casting import cast_scenarios
from simulators.warehouse.config import DAY_MS, WarehouseConfig
from simulators.warehouse.day import WarehouseDay
from simulators.warehouse.devices import Clocks, deliver, stamp, watch_shelves
from simulators.warehouse.shipping import ship_all_day
from simulators.warehouse.site import Site


def simulate_warehouse(config: WarehouseConfig, seed: int) -> WarehouseDay:
    """Days in the warehouse. The same configuration and seed give the same days, byte for byte.

    Raises ValueError if the scenarios do not fit into the warehouse or its days.
    """
    chance = Chance(seed)

    # What happens.
    site = Site(config, chance)
    casts = cast_scenarios(site, chance)
    # What is honest shares its shelves with everyday work; attacks find them as everyday work leaves them.
    stories = [scenario.play(cast, site, rng) for scenario, cast, rng in casts if scenario.honest]
    everyday.open_books(site, chance.about("opening"))
    for number in range(config.days):
        day = config.starts_ms + number * DAY_MS
        for work in (
            ship_all_day,
            everyday.receive,
            everyday.count_shelves,
            everyday.scan_labels,
            everyday.work_shifts,
            everyday.write_posts,
        ):
            work(site, day, chance.about(f"{work.__name__} {number}"))
        for shelf in site.journal.shelves.values():
            shelf.next_day()
    stories += [scenario.play(cast, site, rng) for scenario, cast, rng in casts if not scenario.honest]
    for shelf in site.journal.shelves.values():
        shelf.settle()

    # What the devices make of it.
    clocks = Clocks(config, chance)
    rows = site.journal.rows
    for those in rows.values():
        stamp(those, clocks)
    sensors = watch_shelves(config, site.journal.shelves.values(), clocks, chance.about("sensors"))
    evidence = truth.Evidence(rows, sensors.by_product, site.journal.shelves, stories, config.legacy_secret)
    expected = truth.Truth(evidence).expected()
    expected["scenarios"] = truth.scenarios(stories)
    streams = {
        topic: deliver(
            config,
            those + sensors.rows if topic == INVENTORY_PHYSICAL else those,
            clocks,
            chance.about(f"delivery {topic}"),
        )
        for topic, those in rows.items()
    }
    return WarehouseDay(
        config,
        seed,
        site.articles,
        streams,
        expected,
        site.printer.public_keys(),
        site.printer.key_ring(),
        site.printer.legacy_secret,
        clocks.ahead_ms,
    )
