"""What the stock system says of one article at one place.

A record in stock says how many units there are; a mark says how many of them have gone, and the books have
that much less until they are given anew. Goods on their way are told of several times (shipped, in transit,
delivered): whatever follows for a shipment moves nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from guardian.events.model import Event
from guardian.events.warehouse import IN_STOCK, SHIPPED

SEPARATOR = "\x1f"
"""Between product and location in a key."""

SHIPMENTS_KEPT = 32


class Booking(msgspec.Struct, array_like=True, frozen=True):
    """One record of the books. Times are epoch ms. employee: who made it. ref: the record, for evidence."""

    time: int
    status: str
    quantity: int
    shipment: str | None
    employee: str
    ref: str

    @property
    def order(self) -> tuple[int, bool, str]:
        """Its place among others. Of one instant, what was marked comes before what is then left."""
        return self.time, self.status == IN_STOCK, self.ref


class Books(msgspec.Struct, array_like=True):
    """The books at one moment.

    units: on the books; None: they have not been given yet. marked: units marked as gone, ever. shipments:
    whose goods were marked here lately.
    """

    units: int | None = None
    marked: int = 0
    shipments: list[str] = msgspec.field(default_factory=list)

    def take(self, booking: Booking) -> int:
        """Takes the next record. Returns how many units it marks as gone; no units marked means all there
        are."""
        if booking.status == IN_STOCK:
            self.units = booking.quantity
            return 0
        shipment = booking.shipment
        if shipment is not None:
            if booking.status != SHIPPED and shipment in self.shipments:
                return 0
            if shipment not in self.shipments:
                self.shipments.append(shipment)
                del self.shipments[:-SHIPMENTS_KEPT]
        if self.units is None:
            return 0
        gone = min(booking.quantity, self.units) if booking.quantity else self.units
        self.units -= gone
        self.marked += gone
        return gone

    def copy(self) -> Books:
        """The books as they are now, whatever is taken later."""
        return Books(self.units, self.marked, self.shipments[:])


def article_at(event: Event) -> str:
    """The key of an article at one place, of a record of the books and of a shelf's reading alike."""
    value = event.value
    return f"{value.product_id}{SEPARATOR}{value.location}"


def booking_of(event: Event) -> Booking:
    """The record of an `inventory-digital` event."""
    value = event.value
    return Booking(event.time, value.status, value.quantity, value.shipment_id, value.updated_by, event.ref)


def insert(bookings: list[Booking], booking: Booking) -> bool:
    """Puts a record in its place among others; False if it is there already."""
    at = len(bookings)
    while at and bookings[at - 1].time >= booking.time:
        if bookings[at - 1].ref == booking.ref:
            return False
        at -= 1
    # Among those of one instant the loop went to the front.
    while at < len(bookings) and bookings[at].order < booking.order:
        at += 1
    bookings.insert(at, booking)
    return True


def levels(books: Books, bookings: Iterable[Booking]) -> list[tuple[int, int | None]]:
    """(since, units) after each record in turn, from `books` on."""
    now = books.copy()
    found = []
    for booking in bookings:
        now.take(booking)
        found.append((booking.time, now.units))
    return found
