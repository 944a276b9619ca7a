"""What an audit of the data says: numbers by table and column, and findings in sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

State = Literal["wrong", "unusual"]
"""`wrong` contradicts what the table is; `unusual` is worth a look, and may be what the market did."""

Kind = Literal[
    "schema", "duplicates", "impossible", "null", "missing", "ahead", "null_burst", "few_instruments", "late", "shift"
]


@dataclass(frozen=True)
class Fault:
    """A finding.

    Attributes:
        table: Where.
        column: Where; None: the rows as a whole.
        kind: Of what kind it is.
        state: How bad.
        seen: What was found and where, a sentence.
        advice: What to do, a sentence.
        rows: How many rows are concerned; None: that is not what it counts.
        partitions: How many hours or days are concerned; None: likewise.
    """

    table: str
    column: str | None
    kind: Kind
    state: State
    seen: str
    advice: str
    rows: int | None = None
    partitions: int | None = None


@dataclass(frozen=True)
class Histogram:
    """Values in bins of equal width between two quantiles, and those outside.

    Attributes:
        low: Where the first bin begins.
        high: Where the last one ends; a value there belongs to it.
        counts: Values in each bin.
        below: Values below `low`.
        above: Values above `high`.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    below: int
    above: int


@dataclass(frozen=True)
class Week:
    """Seven days of a column, and how they differ from the seven before them.

    Attributes:
        first: The hour that begins them, UTC.
        rows: Of the table.
        nulls: Rows without a value.
        mean: Of the values; None: there is none.
        location: Mean rank of the values among those of all weeks, 0 to 1; the statistic that drift is judged by.
        spread: Mean |2 rank - 1|, likewise.
        psi: Population stability index against the week before; None: one of both has too few values.
        ks: Largest distance between the two distribution functions; likewise.
    """

    first: datetime
    rows: int
    nulls: int
    mean: float | None
    location: float | None
    spread: float | None
    psi: float | None = None
    ks: float | None = None


@dataclass(frozen=True)
class Profile:
    """A column.

    Attributes:
        name: Of the column.
        type: DuckDB's.
        rows: Of the table.
        nulls: Rows without a value.
        infinite: Values that are no finite number; no other number counts them.
        impossible: Values that a rule of the column forbids.
        least: The lowest value.
        quantiles: By the share of values that lie below.
        most: The highest value.
        mean: Of the values.
        deviation: Their standard deviation.
        distinct: How many different values there are; of texts, times and truth values alone.
        common: The most frequent ones, with the rows that hold them.
        histogram: None where there are no numbers.
        weeks: Whole weeks, the oldest first; of numbers in tables of hours alone.
    """

    name: str
    type: str
    rows: int
    nulls: int
    infinite: int = 0
    impossible: int = 0
    least: float | None = None
    quantiles: Mapping[str, float] = field(default_factory=dict)
    most: float | None = None
    mean: float | None = None
    deviation: float | None = None
    distinct: int | None = None
    common: tuple[tuple[str, int], ...] = ()
    histogram: Histogram | None = None
    weeks: tuple[Week, ...] = ()

    @property
    def null_share(self) -> float | None:
        """Of the rows, those without a value."""
        return self.nulls / self.rows if self.rows else None


@dataclass(frozen=True)
class TableAudit:
    """A table.

    Attributes:
        name: Of the table.
        is_there: Whether it is stored.
        rows: In the period.
        partitions: Hours or days with rows.
        first: The first of them, UTC.
        last: The last of them, UTC.
        absent: Hours or days between them without rows.
        duplicates: Rows whose key is there more than once, without the first of each.
        instruments: How many different ones.
        usual_rows: Median rows of an hour or day.
        least_rows: Of the smallest hour or day.
        columns: The profiles that were asked for.
    """

    name: str
    is_there: bool
    rows: int = 0
    partitions: int | None = None
    first: datetime | None = None
    last: datetime | None = None
    absent: int | None = None
    duplicates: int = 0
    instruments: int | None = None
    usual_rows: float | None = None
    least_rows: int | None = None
    columns: tuple[Profile, ...] = ()


@dataclass(frozen=True)
class DataAudit:
    """The audit of some tables.

    Attributes:
        as_of: Up to when rows were read, UTC.
        first: The first hour that was asked for; None: the first one stored.
        tables: What they hold.
        faults: What was found, what is wrong first.
    """

    as_of: datetime
    first: datetime | None
    tables: tuple[TableAudit, ...]
    faults: tuple[Fault, ...]

    @property
    def wrong(self) -> Sequence[Fault]:
        """The findings that contradict what a table is."""
        return [each for each in self.faults if each.state == "wrong"]

    @property
    def sentence(self) -> str:
        """The result in words."""
        there = [each for each in self.tables if each.is_there]
        rows = sum(each.rows for each in there)
        unusual = len(self.faults) - len(self.wrong)
        return (
            f"{len(there)} tables with {rows:,} rows up to {self.as_of:%Y-%m-%d %H:%M} UTC; findings: "
            f"{len(self.wrong)} wrong, {unusual} unusual."
        )
