"""What may happen in the warehouse besides everyday work: one module a scenario."""

from collections.abc import Mapping

from simulators.warehouse.scenarios import (
    after_hours_theft,
    cloned_labels,
    collusion,
    forged_departure,
    gradual_theft,
    jd_com_attack,
    mass_shipment,
    night_shift,
    relabelling,
    slow_theft,
    stock_correction,
    swapped_goods,
    tampered_labels,
)
from simulators.warehouse.scenarios.scenario import Scenario

SCENARIOS: Mapping[str, Scenario] = {
    module.SCENARIO.name: module.SCENARIO
    for module in (
        jd_com_attack,
        after_hours_theft,
        gradual_theft,
        cloned_labels,
        tampered_labels,
        collusion,
        forged_departure,
        slow_theft,
        swapped_goods,
        night_shift,
        relabelling,
        mass_shipment,
        stock_correction,
    )
}
"""By name, in the order of `config.ATTACKS` and `config.LOOKALIKES`."""
