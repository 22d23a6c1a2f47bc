"""The rest of everyday work: shifts, deliveries, counts, scans, and what people write about the business."""

from __future__ import annotations

from random import Random

from simulators.store.chance import how_many
from simulators.warehouse import people, places
from simulators.warehouse.config import DAY_MS
from simulators.warehouse.journal import ACCESS_QR, DOOR, LOGIN, LOGOUT, REGENERATE, UPDATE
from simulators.warehouse.people import HOUR_MS, MINUTE_MS, SPANS
from simulators.warehouse.records import Label, Post
from simulators.warehouse.site import Site

SYSTEM = "STOCK-SYSTEM"
"""Who updates the books when nobody does."""

LABELS_PER_ARTICLE = 3

_NEWS = (
    ("The new phones of {site} arrived two days early, well done", 0.8, "forum"),
    ("Friendly people at the {site} pick-up desk", 0.7, "reviews"),
    ("Queue at {site} again, took me half an hour", -0.3, "reviews"),
    ("{site} is hiring for the late shift", 0.1, "jobs"),
    ("Wrong colour delivered by {site}, they exchanged it at once", 0.2, "forum"),
    ("Traffic jam on the ring road near {site}", "neutral", "microblog"),
    ("Love the new packaging from {site}", "positive", "microblog"),
)
_CRIME = (
    ("Anybody else see the break-in at the yard next to {site} last night?", -0.8, "microblog"),
    ("Police at the industrial estate by {site}, they say a gang steals electronics", -0.9, "forum"),
    ("Stolen tablets offered cheap in the car park behind {site}", "negative", "microblog"),
)


def open_books(site: Site, rng: Random) -> None:
    """The stock system gives every article's stock in the first minutes."""
    start = site.config.starts_ms
    for article in site.articles:
        site.journal.post(start + rng.randint(1_000, 240_000), article, SYSTEM)


def work_shifts(site: Site, day: int, rng: Random) -> None:
    """People come, use the systems, open doors and go. day: its midnight."""
    journal = site.journal
    for shift, (begins, ends) in SPANS.items():
        for person in site.staff.by_shift[shift]:
            came = day + begins - rng.randint(0, 9 * MINUTE_MS)
            went = day + ends + rng.randint(0, 9 * MINUTE_MS)
            acts = [
                (came, DOOR, places.ENTRANCE),
                (came + 40_000, LOGIN, places.OFFICE),
                (went, LOGOUT, places.OFFICE),
            ]
            for _ in range(rng.randint(1, 4)):
                acts.append((rng.randint(day + begins, day + ends), ACCESS_QR, places.OFFICE))
            for _ in range(rng.randint(0, 3)):
                acts.append((rng.randint(day + begins, day + ends), DOOR, rng.choice(places.DOCKS)))
            if rng.random() < 0.2:
                acts.append((rng.randint(day + begins, day + ends), REGENERATE, places.OFFICE))
            for time, action, location in acts:
                if site.config.starts_ms <= time < site.config.ends_ms:
                    journal.act(time, person, action, location)


def receive(site: Site, day: int, rng: Random) -> None:
    """Goods arrive: the shelf fills up, the books follow within a minute, units get labels."""
    for _ in range(how_many(rng, site.config.deliveries_per_day)):
        time = day + rng.randint(people.OPENS_MS + 30 * MINUTE_MS, people.CLOSES_MS - 30 * MINUTE_MS)
        article = rng.choice(site.articles)
        if not site.reserve(article, time):
            continue
        units = rng.randint(5, 40)
        person = site.on_duty(time, rng)
        site.shelf(article).put(time, units)
        site.journal.post(time + rng.randint(5_000, 55_000), article, person.id, units)
        site.journal.act(time + 56_000, person, UPDATE, article.shelf)
        for _ in range(rng.randint(1, 3)):
            printed = time - rng.randint(8 * MINUTE_MS, 20 * MINUTE_MS)
            label = site.printer.issue(article, printed, legacy=False)
            site.journal.issue(printed, label, person.id)
            site.journal.scan(printed + rng.randint(5_000, 60_000), label, places.RECEIVING, person.scanner)
            on_shelf = time + rng.randint(0, 50_000)
            site.journal.scan(on_shelf, label, article.shelf, person.scanner)


def count_shelves(site: Site, day: int, rng: Random) -> None:
    """Somebody counts a shelf now and then, at worst one unit wrong."""
    for _ in range(how_many(rng, site.config.counts_per_day)):
        time = max(day + rng.randrange(DAY_MS - 5 * MINUTE_MS), site.config.starts_ms + 10 * MINUTE_MS)
        article = rng.choice(site.articles)
        if site.reserve(article, time):
            error = rng.choices((-1, 0, 1), (15, 70, 15))[0]
            site.journal.count(time, article, site.on_duty(time, rng).id, error)


def scan_labels(site: Site, day: int, rng: Random) -> None:
    """People scan labels on the shelves as they pass."""
    labels: dict[str, list[Label]] = {}
    for hours, begins, share in ((16, people.OPENS_MS, 1.0), (8, people.CLOSES_MS, 0.15)):
        for _ in range(how_many(rng, hours * site.config.scans_per_hour * share)):
            time = day + (begins + rng.randrange(hours * HOUR_MS)) % DAY_MS
            article = rng.choice(site.articles)
            if not site.shelf(article).is_open(time):
                continue
            pool = labels.setdefault(article.product_id, [])
            if len(pool) < LABELS_PER_ARTICLE:
                pool.append(
                    site.printer.issue(article, site.config.starts_ms - rng.randint(HOUR_MS, 90 * DAY_MS))
                )
            label = rng.choice(pool)
            site.journal.scan(time, label, label.location, site.on_duty(time, rng).scanner)


def write_posts(site: Site, day: int, rng: Random) -> None:
    """What people write; now and then about crime near the site."""
    for _ in range(how_many(rng, site.config.posts_per_day)):
        content, sentiment, source = rng.choice(_CRIME if rng.random() < 0.1 else _NEWS)
        where = rng.choice((places.SITE, places.SITE, places.OTHER_SITE))
        post = Post(source, content.format(site=where), sentiment, where)
        site.journal.write(day + rng.randrange(DAY_MS), post)
