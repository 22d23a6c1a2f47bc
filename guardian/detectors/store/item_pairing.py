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

from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
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
    linger_s: a tag seen again within this time of the last is the same item, still lying there.
    mend_s: a record that arrives this late can still mend a decision.
    """

    window_s: float = 5.0
    linger_s: float = 120.0
    mend_s: float = 120.0


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


Pairing = tuple[list[tuple[Item, Item]], list[Item], list[Item]]
"""Pairs, and what is left of either side."""

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
        self.mend_ms = int(params.mend_s * 1000)
        if min(self.window_ms, self.linger_ms, self.mend_ms) < 0:
            raise TimeSettingsError(f"ITEM_PAIRING: times cannot be negative: {params}")
        # What is decided about an item depends on its neighbours within the window, and they on theirs.
        self.settle_ms = 2 * self.window_ms
        # The items of one more window are decided together: that costs a third of deciding one at a time.
        self.decide_ms = self.settle_ms + self.window_ms
        self.retention_ms = max(self.mend_ms, self.linger_ms) + self.decide_ms + lateness_ms
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return max(self.mend_ms, self.linger_ms) + self.decide_ms

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (
            Input(RFID, self._read_at, self._on_read),
            Input(POS, _sold_at, self._on_sale),
            # A view again is a view of the same item, which is all that is ever concluded from it.
            Input(RECOGNITION, _viewed_at, self._on_view, once=False),
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
                if time < last:
                    self._read_before(state, Item(time, sku, seen.epc, event.ref), ctx)
                return
            if time - state.swept > self.linger_ms or len(state.tags) > TAGS_CAP:
                self._forget_tags(state, time, ctx)
        self._add(state, state.reads, Item(time, sku, seen.epc, event.ref), ctx)

    def _read_before(self, state: PairingState, earlier: Item, ctx: Context) -> None:
        """The item passed when its tag was first read, though that record came second."""
        later = [read for read in state.reads.rows if read.tag == earlier.tag and read.time > earlier.time]
        if later:
            state.reads.remove(later)
            self._add(state, state.reads, earlier, ctx)

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
        seen = Item(event.time, view.predicted_product, None, "", view.accuracy or 0.0)
        if state.views.add(seen, BUFFER_CAP):
            ctx.count("buffer_full")
        if not state.reads.rows and not state.sales.rows:
            state.views.drop_before(event.time - self.decide_ms - self.lateness_ms)

    def _add(self, state: PairingState, side: JoinBuffer[Item], item: Item, ctx: Context) -> None:
        if side.add(item, BUFFER_CAP):
            ctx.count("buffer_full")
        if item.time + self.decide_ms < state.wake:
            state.wake = item.time + self.decide_ms

    def on_wake(self, state: PairingState, at: int, ctx: Context) -> None:
        """Decides on what is old enough that everything which bears on it has arrived."""
        settled = at - self.settle_ms
        # Looking only at what had happened before `at` makes the decision the same whatever arrived since.
        reads, sales = state.reads.until(at - 1), state.sales.until(at - 1)
        pairs, left, unread = self._same_sku(reads, sales, at)
        done = [pair for pair in pairs if pair[0].time <= settled or pair[1].time <= settled]
        if done:
            state.reads.remove([read for read, _ in done])
            state.sales.remove([sale for _, sale in done])
        if _any_by(settled, left) or _any_by(settled, unread):
            state.unread.drop_before(at - self.mend_ms)
            state.unpaid.drop_before(at - self.mend_ms)
            self._leftovers(state, left, unread, reads, at, ctx)
        oldest = min((side.rows[0].time for side in (state.reads, state.sales) if side.rows), default=None)
        state.views.drop_before((settled if oldest is None else min(oldest, settled)) - self.settle_ms)
        if oldest is not None:
            state.wake_by(oldest + self.decide_ms)

    def _same_sku(self, some: Sequence[Item], others: Sequence[Item], at: int) -> Pairing:
        """Pairs items of the same SKU, and says what is left of either side."""
        mine = {item.sku: item for item in some}
        theirs = {item.sku: item for item in others}
        if len(mine) < len(some) or len(theirs) < len(others):
            return self._several_of_a_sku(some, others, at)
        window = self.window_ms
        pairs = []
        for item in others:
            mate = mine.get(item.sku)
            if mate is not None and -window <= mate.time - item.time <= window:
                pairs.append((mate, item))
                del mine[item.sku], theirs[item.sku]
        return pairs, list(mine.values()), list(theirs.values())

    def _several_of_a_sku(self, some: Sequence[Item], others: Sequence[Item], at: int) -> Pairing:
        mine = _by_sku(some)
        theirs = _by_sku(others)
        pairs: list[tuple[Item, Item]] = []
        left: list[Item] = []
        for sku, items in mine.items():
            mates = theirs.get(sku)
            if mates is None:
                left += items
                continue
            found = self._nearest(items, mates, at)
            pairs += found
            if len(found) < len(items):
                paired = {id(item) for item, _ in found}
                left += [item for item in items if id(item) not in paired]
            if len(found) == len(mates):
                del theirs[sku]
            else:
                paired = {id(mate) for _, mate in found}
                theirs[sku] = [mate for mate in mates if id(mate) not in paired]
        return pairs, left, [mate for mates in theirs.values() for mate in mates]

    def _nearest(self, some: Sequence[Item], others: Sequence[Item], at: int) -> list[tuple[Item, Item]]:
        if not some or not others:
            return []
        if len(some) == len(others) == 1:
            near = abs(some[0].time - others[0].time) <= self.window_ms
            return [(some[0], others[0])] if near else []
        # Of two just as near, which one arrived first must not matter.
        some, others = sorted(some, key=_order), sorted(others, key=_order)
        pairs = match_nearest(
            [one.time for one in some], [one.time for one in others], self.window_ms, at - self.window_ms - 1
        )
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
        views = state.views.until(at - 1)
        view_of = {id(read): view for read, view in self._views_of(reads, views, at)}
        if left and unread:
            # A view that belongs to no read, of an article sold without a read: an honest item whose tag
            # was missed. It must not be taken for what an unpaid neighbour was swapped with.
            used = {id(view) for view in view_of.values()}
            _, doubtful, _ = self._same_sku(unread, [view for view in views if id(view) not in used], at)
            swapped = self._nearest(left, doubtful, at)
        else:
            swapped = []
        sold_instead = {id(read): sale for read, sale in swapped}
        for read in left:
            sale = sold_instead.get(id(read))
            if read.time > settled and (sale is None or sale.time > settled):
                continue
            state.reads.remove([read])
            if sale is not None:
                state.sales.remove([sale])
            elif (
                late := next((one for one in state.unread.rows if self._same_item(one, read)), None)
            ) is not None:
                state.unread.remove([late])
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
            state.sales.remove([sale])
            pardoned = next((one for one in state.unpaid.rows if self._same_item(one.read, sale)), None)
            if pardoned is not None:
                state.unpaid.remove([pardoned])
                ctx.emit(CHECKOUT_MISFITS, msgspec.structs.replace(pardoned, paid_late=True), pardoned.time)
            else:
                state.unread.add(sale, BUFFER_CAP)
                ctx.count("sale_without_read")

    def _same_item(self, one: Item, other: Item) -> bool:
        return one.sku == other.sku and abs(one.time - other.time) <= self.window_ms

    def _views_of(self, reads: Sequence[Item], views: Sequence[Item], at: int) -> list[tuple[Item, Item]]:
        """Which view is of which read: those of the same SKU first, then whatever is nearest."""
        same, unseen, unclaimed = self._same_sku(reads, views, at)
        return same + self._nearest(unseen, unclaimed, at)

    def _customers_near(self, state: PairingState, time: int, at: int) -> list[str]:
        near = self.decide_ms
        return sorted({who for when, who in state.customers if abs(when - time) <= near and when < at})


def _time(item: Item) -> int:
    return item.time


def _any_by(time: int, items: Sequence[Item]) -> bool:
    return bool(items) and min(map(_time, items)) <= time


def _by_sku(items: Sequence[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        if item.sku in found:
            found[item.sku].append(item)
        else:
            found[item.sku] = [item]
    return found


def _order(item: Item) -> tuple[int, str, str]:
    return item.time, item.sku, item.tag or ""


def _sold_at(event: Event) -> str | None:
    return event.value.station_id if event.value.data.sku is not None else None


def _viewed_at(event: Event) -> str | None:
    return event.value.station_id if event.value.data.predicted_product is not None else None
