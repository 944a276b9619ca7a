"""The governance report: every result of every check over a period, as rows and as counts.

How they are written for programs stands in `check_report_files`, for people in `check_report_page`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from mlreg_dagster.core.hours import HOUR, NotAnHour, as_hour
from mlreg_dagster.evidence.card.elements import when
from mlreg_dagster.evidence.schemas.by import By

COLUMNS = (
    "recorded_at", "market_first", "market_until", "asset", "check", "partition", "version", "passed", "severity",
    "description", "values", "run_id",
)  # fmt: skip

_DAY = 24 * HOUR
_BEGIN, _END = pd.Timestamp(0, tz="UTC"), pd.Timestamp.max.tz_localize("UTC")


@dataclass(frozen=True)
class Period:
    """From a day to a day, both included, of the market or of the clock.

    Attributes:
        by: What the days are of: the market that a result is about, or the recording of the result.
        first: The first day, as it was written; None = from the first result on.
        last: The last day; None = up to the newest result.
    """

    by: By = By.recording
    first: str | None = None
    last: str | None = None

    @property
    def begin(self) -> pd.Timestamp | None:
        """Its first moment.

        Raises:
            NotAnHour: The text is no day.
        """
        return as_hour(self.first) if self.first else None

    @property
    def until(self) -> pd.Timestamp | None:
        """Its end, excluded.

        Raises:
            NotAnHour: The text is no day.
        """
        return as_hour(self.last) + _DAY if self.last else None

    @property
    def words(self) -> str:
        """For people."""
        meaning = {By.market: "by market time", By.recording: "by recording time"}[self.by]
        return f"{self.first or 'the first result'} to {self.last or 'the newest'}, {meaning}"

    def other(self) -> "Period":
        """The same days, of the other kind."""
        return Period(By.recording if self.by is By.market else By.market, self.first, self.last)

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a result lies in it, at least in part; one about no hours of the market lies in none of the market.

        Args:
            row: As `arrange` gives it.
        """
        begin, until = self.begin or _BEGIN, self.until or _END
        if self.by is By.recording:
            return bool(begin <= row["recorded_at"] < until)
        return row["market_first"] is not None and bool(row["market_first"] < until and row["market_until"] > begin)


@dataclass(frozen=True)
class Report:
    """What a period holds.

    Attributes:
        period: Which one.
        made_at: When it was asked for.
        rows: Results of `COLUMNS`, the newest first; `values` as they are on record.
        left_out: By market time: results about no hours of the market. By recording time: none.
        otherwise: Results that lie in the same days of the other kind; counted only where there are no rows.
    """

    period: Period
    made_at: datetime
    rows: Sequence[Mapping[str, Any]]
    left_out: int = 0
    otherwise: int = 0

    @property
    def failed(self) -> int:
        """How many of the results are failures."""
        return sum(not row["passed"] for row in self.rows)

    @property
    def remarks(self) -> list[str]:
        """What a reader should know who takes the period for another one."""
        texts = []
        if self.left_out:
            texts.append(
                f"{self.left_out:,} results are about no hours of the market, such as those of model versions, and are "
                f"left out. Ask for them with --by recording."
            )
        if self.otherwise:
            other = self.period.other()
            texts.append(
                f"No result lies in this period, but {self.otherwise:,} do by {other.by} time. Ask for them with "
                f"--by {other.by}."
            )
        return texts


def arrange(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Results with the version and the hours that they are about, where they name any; the newest first."""
    rows = [
        {**row, "version": _version(row), **dict(zip(COLUMNS[1:3], market_time(row["partition"]), strict=True))}
        for row in results
    ]
    rows.sort(key=lambda row: (row["recorded_at"], row["asset"], row["check"], row["partition"]), reverse=True)
    return [{name: row[name] for name in COLUMNS} for row in rows]


def market_time(partition: str) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """The first hour that a partition or a range of them is about, and the end, excluded; nothing for a version."""
    first, _, last = partition.partition("...")
    try:
        begin, end = as_hour(first), as_hour(last or first)
    except NotAnHour:
        return None, None
    return begin, end + (HOUR if ":" in (last or first) else _DAY)


def counts(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How often each check passed and failed, by asset, check and version."""
    lines: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:  # the newest first
        place = (row["asset"], row["check"], row["version"])
        line = lines.setdefault(
            place,
            {
                **dict(zip(("asset", "check", "version"), place, strict=True)),
                "passed": 0,
                "failed": 0,
                "last": "passed" if row["passed"] else "FAILED",
                "last_recorded": when(row["recorded_at"]),
            },
        )
        line["passed" if row["passed"] else "failed"] += 1
    return [lines[place] for place in sorted(lines, key=_place)]


def in_words(values: Mapping[str, Any]) -> str:
    """The values of a result for people."""
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _version(row: Mapping[str, Any]) -> str:
    return str(row["values"].get("version") or row["values"].get("champion") or "")


def _place(place: tuple[str, str, str]) -> tuple[str, str, int, str]:
    asset, check, version = place
    return asset, check, int(version[1:]) if version[1:].isdigit() else 0, version
