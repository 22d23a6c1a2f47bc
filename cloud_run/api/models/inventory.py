"""Stock, as the API tells it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from cloud_run.api.answers import iso
from cloud_run.api.models.parameters import Parameters
from guardian.desk_ports import MOST_ITEMS, Job, JobState
from guardian.events.catalogue import Catalogue


class StockFilter(Parameters):
    """Which stock. location: this place and those in it ("WH1", "WH1/A-01")."""

    site: str | None = Field(default=None, max_length=200)
    location: str | None = Field(default=None, max_length=200)


class StockQuery(StockFilter):
    """Which page. only: nothing but articles whose books and shelf do not agree."""

    category: str | None = Field(default=None, max_length=200)
    only: Literal["differences"] | None = None
    limit: int = Field(default=100, ge=1, le=MOST_ITEMS)
    cursor: str = Field(default="", max_length=2_000)


class StockPoint(BaseModel):
    """Units at the end of a half hour. t: its start, epoch ms."""

    t: int
    digital: int | None
    physical: int | None


class StockLevel(BaseModel):
    """An article at a place, as it is now; in units, null where nothing is known.

    location: empty in a store. digital: on the books. physical: on the shelf. difference: how many more
    are on the shelf than on the books. value: of what is there, in the catalogue's currency.
    """

    site: str
    location: str
    product_id: str
    name: str
    category: str
    digital: int | None
    physical: int | None
    difference: int | None
    value: float | None
    updated_at: str
    updated_at_ms: int


class StockItem(StockLevel):
    """An article at a place, and how it came to that."""

    series: list[StockPoint]

    @classmethod
    def of(cls, site: str, row: dict[str, Any], catalogue: Catalogue) -> StockItem:
        """From the row the machine keeps."""
        product = catalogue.get(row["product_id"])
        digital, physical = row["digital"], row["physical"]
        return cls(
            site=site,
            location=row["location"],
            product_id=row["product_id"],
            name=product.name if product else "",
            category=product.category if product else "",
            digital=digital,
            physical=physical,
            difference=row["difference"],
            value=worth(row, digital if physical is None else physical, catalogue),
            updated_at=iso(row["updated_at"]),
            updated_at_ms=row["updated_at"],
            series=[
                StockPoint(t=t, digital=on_books, physical=found) for t, on_books, found in row["series"]
            ],
        )


class StockTotals(BaseModel):
    """Of everything in the filter (not `only` and `category`). partial: there is more than was added up.

    articles: at places. differing: of those. missing, surplus: units less and more than on the books.
    """

    articles: int
    differing: int
    digital: int
    physical: int
    missing: int
    surplus: int
    value: float
    value_missing: float
    partial: bool


class StockPage(BaseModel):
    """next_cursor: empty on the last page. A page may be short, or empty, and still not be the last."""

    items: list[StockItem]
    next_cursor: str
    totals: StockTotals


class StockLatest(BaseModel):
    """The levels that have changed last, the newest first."""

    items: list[StockLevel]


class JobPath(BaseModel):
    """Which job."""

    job_id: str


class JobItem(BaseModel):
    """Something that was asked for. result: once it is done."""

    id: str
    kind: str
    state: JobState
    asked_by: str
    asked_at: str
    ended_at: str | None
    result: dict[str, Any] | None

    @classmethod
    def of(cls, job: Job) -> JobItem:
        """From the job as it is kept."""
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            asked_by=job.by,
            asked_at=iso(job.asked_at),
            ended_at=iso(job.ended_at) if job.ended_at else None,
            result=job.result if job.state in {JobState.DONE, JobState.FAILED} else None,
        )


def worth(row: dict[str, Any], units: int | None, catalogue: Catalogue) -> float | None:
    """What so many units of a row's article cost; None where nobody can tell."""
    product = catalogue.get(row["product_id"])
    if units is None or product is None or product.price is None:
        return None
    return round(units * product.price, 2)
