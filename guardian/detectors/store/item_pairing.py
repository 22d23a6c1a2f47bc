"""Matches what passed a checkout (RFID reads) with what was paid for (sales), one to one.

This is not a detector of its own: it emits what does not fit, and SCANNER_AVOIDANCE and
BARCODE_SWITCHING decide what that means.

Several customers' items pass in the same second, so sets of SKUs say nothing. Items are paired:

1. Reads with sales of the same SKU: as many pairs as possible, nearest in time.
2. A read left over with a sale left over: another article was paid for than the one that passed.
   Unless the camera saw the sold article as a further item: then its own tag was simply not read.
3. A read still left over: nobody paid for it. A sale left over: its tag was not read, which is no crime.

Where RFID and the camera disagree, RFID is right; a camera that is unsure is no reason to doubt a read.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from guardian.engine.context import Context
from guardian.engine.detector import About, Detector, Input
from guardian.engine.state import NEVER, KeyState
from guardian.engine.windows.join import JoinBuffer, match_nearest
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event
from guardian.events.topics import POS, RECOGNITION, RFID

CHECKOUT_MISFITS = "checkout-misfits"
"""Derived stream: a `Misfit` for every item that does not fit what was paid."""

SCAN_AREA = "IN_SCAN_AREA"


class ItemPairingParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """window_s: a read and its sale are at most this far apart (handling plus skew between the clocks).
    linger_s: a tag seen again within this time is the same item, still lying there; and as long a record
    that arrives late can still mend a decision.
    """

    window_s: float = 5.0
    linger_s: float = 600.0


class Item(msgspec.Struct, array_like=True, frozen=True):
    """Something seen at a checkout: a read (tag: its EPC), a sale (tag: the customer), a view (tag: None)."""

    time: int
    sku: str
    tag: str | None
    ref: str
    confidence: float = 1.0


class Misfit(msgspec.Struct, array_like=True, frozen=True):
    """A read nobody paid for (sold is None), or one with a sale of something else.

    seen_by_camera: the camera's confidence that it saw the read item, None when it did not.
    customers: who was paying at the station at about that time. detected_at: when this was decided.
    paid_late: the sale has arrived after all, long after the streams were believed complete.
    """

    station_id: str
    read: Item
    sold: Item | None
    seen_by_camera: float | None
    customers: list[str]
    detected_at: int
    paid_late: bool = False

    @property
    def time(self) -> int:
        """When the item passed."""
        return self.read.time


class PairingState(KeyState):
    """What one station remembers.

    reads, sales, views: not decided yet. unread, unpaid: decided on, but a late record may still change it.
    tags: lately seen tags and when they were. customers: who paid lately.
    """

    reads: JoinBuffer[Item] = msgspec.field(default_factory=JoinBuffer)
    sales: JoinBuffer[Item] = msgspec.field(default_factory=JoinBuffer)
    views: JoinBuffer[Item] = msgspec.field(default_factory=JoinBuffer)
    unread: JoinBuffer[Item] = msgspec.field(default_factory=JoinBuffer)
    unpaid: JoinBuffer[Misfit] = msgspec.field(default_factory=JoinBuffer)
    tags: dict[str, int] = msgspec.field(default_factory=dict)
    customers: list[tuple[int, str]] = msgspec.field(default_factory=list)
    swept: int = -NEVER
    """When lately seen tags were last looked through for old ones."""


BUFFER_CAP = 2_000
"""Undecided items of a kind at one station: far above what hands can scan in a window."""


TAGS_CAP = 20_000
"""Tags remembered at one station."""

CUSTOMERS_KEPT = 50


class ItemPairing(Detector[PairingState]):
    state = PairingState
    emits = (CHECKOUT_MISFITS,)
    about = About(
        id="ITEM_PAIRING",
        version=1,
        title="Pairing of reads and sales",
        description="Pairs RFID reads, sales and camera views of a checkout one to one.",
        subject="station",
        blind_spots="Items without a tag, or whose tag is shielded, are not seen at all.",
    )
    retention_ms = 900_000

    def __init__(
        self,
        params: ItemPairingParams = ItemPairingParams(),
        *,
        catalogue: Catalogue,
        lateness_ms: int,
    ) -> None:
        self._catalogue = catalogue
        self.window_ms = int(params.window_s * 1000)
        self.linger_ms = int(params.linger_s * 1000)
        # What is decided about an item depends on its neighbours within the window, and they on theirs.
        self.settle_ms = 3 * self.window_ms
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return max(self.settle_ms + 2 * self.window_ms, self.linger_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (
            Input(RFID, self._read_at, self._on_read),
            Input(POS, _sold_at, self._on_sale),
            Input(RECOGNITION, _viewed_at, self._on_view),
        )

    def _read_at(self, event: Event) -> str | None:
        seen = event.value.data
        if (seen.sku is None and seen.epc is None) or seen.location not in (SCAN_AREA, None):
            return None
        station: str = event.value.station_id
        return station

    def _on_read(self, state: PairingState, event: Event, ctx: Context) -> None:
        seen, time = event.value.data, event.time
        sku = seen.sku or self._catalogue.sku_of_epc(seen.epc)
        if sku is None:
            ctx.count("unknown_tag")
            return
        if seen.epc is not None:
            last = state.tags.get(seen.epc)
            state.tags[seen.epc] = time if last is None else max(last, time)
            if last is not None and abs(time - last) <= self.linger_ms:
                return
            if time - state.swept > self.linger_ms or len(state.tags) > TAGS_CAP:
                self._forget_tags(state, time, ctx)
        self._add(state, state.reads, Item(time, sku, seen.epc, event.ref), ctx)

    def _forget_tags(self, state: PairingState, time: int, ctx: Context) -> None:
        state.swept = time
        horizon = time - self.linger_ms - self.lateness_ms
        kept = {tag: at for tag, at in state.tags.items() if at >= horizon}
        if len(kept) > TAGS_CAP // 2:
            ctx.count("tags_full")
            newest = sorted(kept, key=kept.__getitem__)[-TAGS_CAP // 2 :]
            kept = {tag: kept[tag] for tag in newest}
        state.tags = kept

    def _on_sale(self, state: PairingState, event: Event, ctx: Context) -> None:
        sale = event.value.data
        self._add(state, state.sales, Item(event.time, sale.sku, sale.customer_id, event.ref), ctx)
        if sale.customer_id is not None:
            customers = state.customers
            customers.append((event.time, sale.customer_id))
            if len(customers) > 2 * CUSTOMERS_KEPT:
                customers.sort()
                del customers[:-CUSTOMERS_KEPT]

    def _on_view(self, state: PairingState, event: Event, ctx: Context) -> None:
        view = event.value.data
        if state.views.add(
            Item(event.time, view.predicted_product, None, event.ref, view.accuracy or 0.0), BUFFER_CAP
        ):
            ctx.count("buffer_full")
        if not state.reads.rows and not state.sales.rows:
            state.views.drop_before(event.time - self.settle_ms - self.lateness_ms)

    def _add(self, state: PairingState, side: JoinBuffer[Item], item: Item, ctx: Context) -> None:
        if side.add(item, BUFFER_CAP):
            ctx.count("buffer_full")
        state.wake_by(item.time + self.settle_ms)

    def on_wake(self, state: PairingState, at: int, ctx: Context) -> None:
        """Decides on what is old enough that everything which bears on it has arrived."""
        settled = at - self.settle_ms
        # Looking only at what had happened by `at` makes the decision the same whatever arrived since.
        reads, sales = state.reads.until(at), state.sales.until(at)
        if len(reads) == 1 and len(sales) == 1 and reads[0].sku == sales[0].sku:
            pairs = [(reads[0], sales[0])] if abs(reads[0].time - sales[0].time) <= self.window_ms else []
        else:
            pairs = self._same_sku(reads, sales)
        paired = {id(item) for pair in pairs for item in pair}
        for read, sale in pairs:
            if read.time <= settled or sale.time <= settled:
                state.reads.remove(read)
                state.sales.remove(sale)
        left = [read for read in reads if id(read) not in paired]
        unread = [sale for sale in sales if id(sale) not in paired]
        if left or unread:
            state.unread.drop_before(at - self.linger_ms)
            state.unpaid.drop_before(at - self.linger_ms)
            self._leftovers(state, left, unread, reads, at, ctx)
        oldest = min((side.rows[0].time for side in (state.reads, state.sales) if side.rows), default=None)
        state.views.drop_before((settled if oldest is None else min(oldest, settled)) - self.settle_ms)
        if oldest is not None:
            state.wake_by(oldest + self.settle_ms)

    def _same_sku(self, reads: Sequence[Item], sales: Sequence[Item]) -> list[tuple[Item, Item]]:
        by_sku: dict[str, tuple[list[Item], list[Item]]] = {}
        for side, items in ((0, reads), (1, sales)):
            for item in items:
                by_sku.setdefault(item.sku, ([], []))[side].append(item)
        return [pair for some, others in by_sku.values() for pair in self._nearest(some, others)]

    def _nearest(self, some: Sequence[Item], others: Sequence[Item]) -> list[tuple[Item, Item]]:
        if not some or not others:
            return []
        pairs = match_nearest([one.time for one in some], [one.time for one in others], self.window_ms)
        return [(some[i], others[j]) for i, j in pairs]

    def _leftovers(
        self,
        state: PairingState,
        left: list[Item],
        unread: list[Item],
        reads: list[Item],
        at: int,
        ctx: Context,
    ) -> None:
        settled = at - self.settle_ms
        views = state.views.until(at)
        view_of = {id(read): view for read, view in self._views_of(reads, views)}
        if left and unread:
            # A view that belongs to no read, of an article sold without a read: an honest item whose tag
            # was missed. It must not be taken for what an unpaid neighbour was swapped with.
            used = {id(view) for view in view_of.values()}
            honest = {id(sale) for sale, _ in self._same_sku(unread, [v for v in views if id(v) not in used])}
            swapped = self._nearest(left, [sale for sale in unread if id(sale) not in honest])
        else:
            swapped = []
        sold_instead = {id(read): sale for read, sale in swapped}
        for read in left:
            sale = sold_instead.get(id(read))
            if read.time > settled and (sale is None or sale.time > settled):
                continue
            state.reads.remove(read)
            if sale is not None:
                state.sales.remove(sale)
            elif (
                late := next((one for one in state.unread.rows if self._same_item(one, read)), None)
            ) is not None:
                state.unread.remove(late)
                continue
            view = view_of.get(id(read))
            misfit = Misfit(
                ctx.key,
                read,
                sale,
                view.confidence if view is not None and view.sku == read.sku else None,
                self._customers_near(state, read.time, at),
                at,
            )
            ctx.emit(CHECKOUT_MISFITS, misfit, read.time)
            if sale is None:
                state.unpaid.add(misfit, BUFFER_CAP)
        taken = {id(sale) for sale in sold_instead.values()}
        for sale in unread:
            if sale.time > settled or id(sale) in taken:
                continue
            state.sales.remove(sale)
            pardoned = next((one for one in state.unpaid.rows if self._same_item(one.read, sale)), None)
            if pardoned is not None:
                state.unpaid.remove(pardoned)
                ctx.emit(CHECKOUT_MISFITS, msgspec.structs.replace(pardoned, paid_late=True), pardoned.time)
            else:
                state.unread.add(sale, BUFFER_CAP)
                ctx.count("sale_without_read")

    def _same_item(self, one: Item, other: Item) -> bool:
        return one.sku == other.sku and abs(one.time - other.time) <= self.window_ms

    def _views_of(self, reads: Sequence[Item], views: Sequence[Item]) -> list[tuple[Item, Item]]:
        """Which view is of which read: those of the same SKU first, then whatever is nearest."""
        same = self._same_sku(reads, views)
        used = {id(item) for pair in same for item in pair}
        rest = self._nearest(
            [read for read in reads if id(read) not in used], [view for view in views if id(view) not in used]
        )
        return same + rest

    def _customers_near(self, state: PairingState, time: int, at: int) -> list[str]:
        near = self.settle_ms
        return sorted({who for when, who in state.customers if abs(when - time) <= near and when <= at})


def _sold_at(event: Event) -> str | None:
    return event.value.station_id if event.value.data.sku is not None else None


def _viewed_at(event: Event) -> str | None:
    return event.value.station_id if event.value.data.predicted_product is not None else None
