"""Writes down what happens, at its true moments: the goods that move, and the records that tell of it."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from guardian.events.topics import (
    EMPLOYEE_ACTIVITY,
    INVENTORY_DIGITAL,
    INVENTORY_PHYSICAL,
    QR_SCANS,
    SHIPPING,
    SOCIAL,
)
from simulators.warehouse import people, places
from simulators.warehouse.articles import Article
from simulators.warehouse.people import Employee, Shift
from simulators.warehouse.records import (
    CONSUMED,
    IN_STOCK,
    ISSUED,
    REGENERATED,
    REVOKED,
    SCANNED,
    SHIPPED,
    TOPICS,
    Activity,
    Booking,
    Departure,
    Label,
    Line,
    Post,
    Reading,
    Row,
    Scan,
)
from simulators.warehouse.stock import Shelf

BOOKS, GATE, ACCESS, PRINTER, FEED = "books", "gate", "access", "printer", "feed"
"""Systems with a clock of their own, besides handhelds, aisles and portals."""

ACCESS_QR, UPDATE, REGENERATE, LOGIN, LOGOUT, DOOR = (
    "access_qr_system",
    "inventory_update",
    "qr_regenerated",
    "login",
    "logout",
    "door_opened",
)
_RESOURCES = {
    ACCESS_QR: "qr-system",
    UPDATE: "stock-system",
    REGENERATE: "qr-system",
    LOGIN: "terminal",
    LOGOUT: "terminal",
}


class Journal:
    """Everything that happens. shelves: by product id. rows: records by topic, but for the shelf sensors'."""

    def __init__(self, articles: Iterable[Article], unflagged_share: float, rng: Random) -> None:
        self.shelves = {article.product_id: Shelf(article) for article in articles}
        self.rows: dict[str, list[Row]] = {topic: [] for topic in TOPICS}
        self._unflagged = unflagged_share
        self._rng = rng

    # --- The books -----------------------------------------------------------------------------------

    def mark(
        self,
        time: int,
        article: Article,
        units: int,
        by: str,
        shipment: str | None,
        status: str = SHIPPED,
        location: str | None = None,
    ) -> None:
        """Units are marked as gone, from the article's shelf unless said otherwise."""
        booking = Booking(article.product_id, status, units, location or article.shelf, by, shipment)
        if location is None:
            self.shelves[article.product_id].mark(time, booking)
        self.rows[INVENTORY_DIGITAL].append(Row(time, BOOKS, booking))

    def post(self, time: int, article: Article, by: str, change: int = 0) -> None:
        """The stock system gives the units in stock, after changing them."""
        booking = Booking(article.product_id, IN_STOCK, 0, article.shelf, by)
        self.shelves[article.product_id].post(time, change, booking)
        self.rows[INVENTORY_DIGITAL].append(Row(time, BOOKS, booking))

    def count(self, time: int, article: Article, by: str, error: int) -> None:
        """Somebody counts a shelf, is off by a few units, and corrects the books."""
        booking = Booking(article.product_id, IN_STOCK, 0, article.shelf, by)
        self.shelves[article.product_id].count(time, error, booking)
        self.rows[INVENTORY_DIGITAL].append(Row(time, BOOKS, booking))

    # --- The goods -----------------------------------------------------------------------------------

    def portal(self, time: int, article: Article, units: int, dock: str, unit: int) -> None:
        """A dock's portal sees goods. unit: whose tag it gives."""
        name = f"portal-{places.DOCKS.index(dock) + 1}"
        value = Reading(article.product_id, dock, units, True, name, None, article.epc(unit))
        self.rows[INVENTORY_PHYSICAL].append(Row(time, name, value))

    def depart(
        self, time: int, shipment: str, truck: str, destination: str, manifest: list[Line | str]
    ) -> None:
        """A truck leaves."""
        self.rows[SHIPPING].append(Row(time, GATE, Departure(shipment, truck, destination, manifest)))

    # --- Labels --------------------------------------------------------------------------------------

    def scan(
        self,
        time: int,
        label: Label,
        location: str,
        scanner: str,
        *,
        product: str | None = None,
        in_full: bool = False,
    ) -> None:
        """A genuine label is scanned.

        product: what it sticks on, if not on its own article. in_full: whether the handheld sends the text it
        read in any case, and not at times the serial alone.
        """
        form = self._rng.random()
        text = label.text if in_full or form < 0.9 else None
        serial = label.serial if form > 0.3 else None
        value = Scan(product or label.product_id, location, SCANNED, scanner, text, serial)
        self._scan(time, scanner, value, label)

    def scan_text(self, time: int, text: str, product: str, location: str, scanner: str) -> None:
        """Something is scanned that is no label of ours."""
        self._scan(time, scanner, Scan(product, location, SCANNED, scanner, text), None)

    def issue(self, time: int, label: Label, by: str) -> None:
        """A label is printed where goods come in."""
        value = Scan(label.product_id, places.RECEIVING, ISSUED, None, label.text, label.serial, by)
        self._scan(time, PRINTER, value, label)

    def consume(self, time: int, label: Label, dock: str, scanner: str) -> None:
        """The unit leaves through a dock's gate; its label is used up."""
        value = Scan(label.product_id, dock, CONSUMED, scanner, label.text, label.serial)
        self._scan(time, scanner, value, label)

    def revoke(self, time: int, label: Label, by: str) -> None:
        """A label is declared void."""
        value = Scan(label.product_id, label.location, REVOKED, None, None, label.serial, by)
        self._scan(time, PRINTER, value, label)

    def regenerate(self, time: int, label: Label, by: str) -> None:
        """A new label is printed for an article."""
        value = Scan(label.product_id, label.location, REGENERATED, None, label.text, label.serial, by)
        self._scan(time, PRINTER, value, label)

    def _scan(self, time: int, device: str, value: Scan, label: Label | None) -> None:
        self.rows[QR_SCANS].append(Row(time, device, value, label=label))

    # --- People --------------------------------------------------------------------------------------

    def act(self, time: int, person: Employee, action: str, location: str, *, rostered: bool = True) -> None:
        """Somebody uses a system or a door. rostered: whether they are there by the roster."""
        shut = people.closed(time)
        flag: bool | None
        if rostered and (person.shift is Shift.NIGHT or shut):
            flag = False
        else:
            flag = None if self._rng.random() < self._unflagged else shut
        resource = _RESOURCES.get(action, location)
        address = None if action == DOOR else f"10.20.0.{int(person.id[2:]) % 250}"
        value = Activity(person.id, action, resource, location, address, flag)
        self.rows[EMPLOYEE_ACTIVITY].append(Row(time, ACCESS, value))

    def write(self, time: int, post: Post) -> None:
        """Somebody writes about the business."""
        self.rows[SOCIAL].append(Row(time, FEED, post))
