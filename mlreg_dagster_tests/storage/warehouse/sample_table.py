"""A small table with a column of every kind, and rows for it."""

from collections.abc import Iterable

import pandas as pd

from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.storage.warehouse.tables import UTC, Check, Table, column

FIRST = as_hour("2026-01-01")
DAY = [FIRST + n * HOUR for n in range(24)]
POSITIVE = Check(lambda s: s > 0, error="must be greater than 0")

READINGS = Table(
    name="readings",
    description="One instrument in one hour.",
    key=("hour", "name"),
    columns={
        "hour": column(UTC, "The hour."),
        "name": column(str, "Of the instrument."),
        "price": column(float, "Never null.", POSITIVE),
        "cap": column(float, "Null when unknown.", nullable=True),
        "label": column(str, "Null when there is none.", nullable=True),
        "count": column(int, "A whole number."),
        "flag": column(bool, "Yes or no."),
        "seen_at": column(UTC, "Null when never.", nullable=True),
    },
)


def rows(hours: Iterable[pd.Timestamp], names: int = 3, price: float = 1.0) -> pd.DataFrame:
    """`names` instruments in each of `hours`, all at one price."""
    keys = [(hour, f"i{number}") for hour in hours for number in range(names)]
    frame = pd.DataFrame(keys, columns=["hour", "name"]).astype({"hour": "datetime64[us, UTC]", "name": "str"})
    seen_at = frame["hour"].where(frame["name"] != "i0")
    unknown = pd.Series(index=frame.index, dtype="float64")
    return frame.assign(price=price, cap=unknown, label="a", count=1, flag=True, seen_at=seen_at)


def assert_stored(stored: pd.DataFrame, expected: pd.DataFrame) -> None:
    """What was read is what had been written, in the order of the table."""
    pd.testing.assert_frame_equal(stored, expected.reset_index(drop=True))
