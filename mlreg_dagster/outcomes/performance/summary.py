"""How right each version was so far, counted by the database: what a person asks who waits for the answer.

The numbers are those of `metrics.summary`, which measures frames that are in memory; no pandas here.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.outcomes.names import IS_VERSION, OUTCOMES_TABLE, RATES
from mlreg_dagster.outcomes.performance.intervals import lift_interval, wilson_interval
from mlreg_dagster.storage.warehouse.reader import Tables

_COLUMNS = ("model_version", "instrument_id", "is_anomaly", "in_sample", "outcome")
_RESOLVED = f"NOT in_sample AND outcome <> '{UNRESOLVED}'"
_COUNTS = {
    "predictions": "true",
    "in_sample": "in_sample",
    "resolved": _RESOLVED,
    "unresolved": f"NOT in_sample AND outcome = '{UNRESOLVED}'",
    "crashes": f"{_RESOLVED} AND outcome = '{CRASH}'",
    "no_crashes": f"{_RESOLVED} AND outcome <> '{CRASH}'",
    "flagged": f"{_RESOLVED} AND is_anomaly",
    "true_positives": f"{_RESOLVED} AND is_anomaly AND outcome = '{CRASH}'",
    "false_positives": f"{_RESOLVED} AND is_anomaly AND outcome <> '{CRASH}'",
    "false_negatives": f"{_RESOLVED} AND NOT is_anomaly AND outcome = '{CRASH}'",
    "true_negatives": f"{_RESOLVED} AND NOT is_anomaly AND outcome <> '{CRASH}'",
}
_LIFT_PARTS = ("true_positives", "flagged", "crashes", "resolved")
_UNKNOWN = float("nan")


def summarize(tables: Tables, settings: OutcomeSettings) -> list[dict[str, Any]]:
    """Measure each model version, no ranking, over all outcomes.

    Args:
        tables: Where the outcomes are.
        settings: The confidence of the intervals and the number of resamples.

    Returns:
        A row for each version that has outcomes, by its name: the columns of MODEL_PERFORMANCE but for the day. A rate
        without a denominator is NaN, and so are the ends of an interval that can't be told.

    Raises:
        UnknownColumns: Another release wrote the table.
    """
    if not tables.has(OUTCOMES_TABLE, _COLUMNS):
        return []
    counts = ", ".join(f"count(*) FILTER ({kind})" for kind in _COUNTS.values())
    rows = tables.rows(
        f"SELECT model_version, {counts} FROM {OUTCOMES_TABLE} WHERE {IS_VERSION} "  # noqa: S608 - names of ours
        "GROUP BY model_version, instrument_id ORDER BY model_version"
    )
    return [
        {"model_version": version, **dict(_measured(np.array([row[1:] for row in group]), settings))}
        for version, group in groupby(rows, key=lambda row: row[0])
    ]


def _measured(instruments: np.ndarray[Any, np.dtype[np.int64]], settings: OutcomeSettings) -> Iterator[tuple[str, Any]]:
    """Counts, rates and intervals of one version, from the counts of each instrument."""
    column = {name: instruments[:, number] for number, name in enumerate(_COUNTS)}
    total = {name: int(counts.sum()) for name, counts in column.items()}
    for name in _COUNTS:
        if name != "no_crashes":
            yield name, total[name]
        if name == "crashes":
            yield "n_instruments_crashed", int((column["crashes"] > 0).sum())
    rate = {name: _ratio(total[part], total[whole]) for name, (part, whole) in RATES.items()}
    for name, (part, whole) in RATES.items():
        low, high = wilson_interval(total[part], total[whole], settings.confidence)
        yield from ((name, rate[name]), (f"{name}_low", float(low)), (f"{name}_high", float(high)))
    least, most = lift_interval(np.stack([column[name] for name in _LIFT_PARTS], axis=1), settings)
    yield from (("lift", _ratio(rate["precision"], rate["base_rate"])), ("lift_low", least), ("lift_high", most))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else _UNKNOWN
