"""How good a version has been by segment: thirds of volume and market cap, market regime, rows after a gap.

Rates and intervals are those of the whole, by blocks of time; a segment is a part of the same outcomes.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.evidence.card.contents.contents import REGIMES
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.names import UNRESOLVED
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.names import OUTCOMES_TABLE
from mlreg_dagster.outcomes.performance.metrics import summary
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

RATES = ("recall", "precision", "false_alarm_rate")
THIRDS = ("low", "middle", "high")
_GAPS = {0.0: "no gap", 1.0: "after a gap"}
_KEY = ["prediction_hour", "instrument_id"]


def segments_of(
    outcomes: pd.DataFrame, version: str, tables: Warehouse, settings: Settings, regimes: "pd.Series[str]"
) -> list[dict[str, Any]]:
    """Measure each segment of a version's outcomes.

    Args:
        outcomes: Its rows of PREDICTION_OUTCOMES.
        version: Which one.
        tables: Where the market and the features of the predictions are.
        settings: The configuration.
        regimes: Of the hours of the stored market.

    Returns:
        A row for each part: `segment`, `part`, counts, and rates with their ends; None where one is undefined.
    """
    judged = outcomes[~outcomes["in_sample"] & (outcomes["outcome"] != UNRESOLVED)]
    if judged.empty:
        return []
    rows = judged.merge(_market_behind(tables, version, settings), on=_KEY, how="left")
    rows["regime"] = rows["prediction_hour"].map(regimes)
    return [
        _measured(segment, part, rows[parts == part], settings)
        for segment, parts, names in _splits(rows)
        for part in names
        if (parts == part).any()
    ]


def _splits(rows: pd.DataFrame) -> Iterator[tuple[str, "pd.Series[Any]", tuple[str, ...]]]:
    """Segment, the part of each row, and the names of the parts in their order."""
    yield "volume of 24 h", _thirds(rows["volume_24h"]), THIRDS
    yield "market cap", _thirds(rows["market_cap"]), THIRDS
    yield "market regime", rows["regime"], REGIMES
    yield "quality", rows["is_gap"].map(_GAPS), tuple(_GAPS.values())


def _thirds(values: "pd.Series[float]") -> "pd.Series[Any]":
    """The third of each row, by terciles of the rows whose value is known; as the gate segment_parity takes them."""
    known = values.dropna()
    if known.nunique() < len(THIRDS):
        return pd.Series(None, index=values.index, dtype="object")
    low, high = known.quantile([1 / 3, 2 / 3])
    parts = pd.Series(THIRDS[1], index=known.index, dtype="object")
    parts[known < low] = THIRDS[0]
    parts[known >= high] = THIRDS[2]
    return parts.reindex(values.index)


def _measured(segment: str, part: str, rows: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    found = summary(rows, settings.outcomes).to_dict("records")[0]
    names = [f"{rate}{end}" for rate in RATES for end in ("", "_low", "_high")]
    return {
        "segment": segment,
        "part": part,
        "outcomes": int(found["resolved"]),
        "crashes": int(found["crashes"]),
        "flagged": int(found["flagged"]),
        **{name: None if pd.isna(found[name]) else float(found[name]) for name in names},
    }


def _market_behind(tables: Warehouse, version: str, settings: Settings) -> pd.DataFrame:
    """Volume, market cap and gap flag of each prediction of a version with an outcome; unknown where there is none."""
    tables.newest(MARKET_SNAPSHOT)  # the table is there from now on
    market = _beside(tables, version, MARKET_SNAPSHOT.name, "volume_24h, market_cap")
    try:
        tables.newest(features_table(settings.features))
    except MlregError:  # of other settings than those of the stored rows
        return market.assign(is_gap=float("nan"))
    return market.merge(_beside(tables, version, "market_features", "is_gap"), on=_KEY, how="left")


def _beside(tables: Warehouse, version: str, name: str, columns: str) -> pd.DataFrame:
    """Columns of an hourly table, for the hours and instruments of a version's outcomes."""
    return tables.query(
        f"SELECT o.prediction_hour, o.instrument_id, {columns} FROM {OUTCOMES_TABLE} AS o JOIN {name} AS t "  # noqa: S608
        "ON t.hour = o.prediction_hour AND t.instrument_id = o.instrument_id WHERE o.model_version = $version",
        {"version": version},
    )
