"""What the champion flags, day by day, against its limits; how its scores spread is shown beside it."""

import numpy as np
import pandas as pd

from mlreg_dagster.config import EvaluationSettings, FlaggingSettings
from mlreg_dagster.monitoring.drift.schema import PREDICTION_DRIFT
from mlreg_dagster.monitoring.drift.statistics.effects import EFFECTS, effects
from mlreg_dagster.monitoring.names import SCORE
from mlreg_dagster.monitoring.sketches.bins import Bins
from mlreg_dagster.monitoring.sketches.counting import counts_of_days
from mlreg_dagster.outcomes.performance.flagged_share import MIN_HOURS

_OF_BUDGET = 0.75, 1.25
"""Least and largest share of the days of a flag policy, of its budget. A policy that follows its budget holds its own
bounds more tightly, but by the clock and not by days, and a day without a usual hour leaves such bounds by chance."""

ROWS = ("hour", "model_version", "role", "is_anomaly", "in_sample")
"""What is read of the predictions."""

_DAY = pd.Timedelta(days=1)


def prediction_rows(
    predictions: pd.DataFrame,
    sketches: pd.DataFrame,
    bins: dict[str, Bins],
    policies: dict[str, FlaggingSettings],
    days: pd.DatetimeIndex,
    limits: EvaluationSettings,
) -> pd.DataFrame:
    """Rows of PREDICTION_DRIFT; days without a prediction of a champion have none.

    Args:
        predictions: Of champions, from as many days before as the longest policy looks back.
        sketches: Rows of FEATURE_SKETCH of the scores of these days.
        bins: Of the scores, by version; one that does not remember its training scores is left out.
        policies: The flag policy of each version.
        days: Which days.
        limits: Of a single day.
    """
    by_hour = (
        predictions[~predictions["in_sample"]]
        .groupby(["hour", "model_version"])["is_anomaly"]
        .agg(rows="size", flagged="sum")
        .reset_index()
    )
    by_hour["day"] = by_hour["hour"].dt.floor("D")
    newest = predictions.sort_values("hour").groupby(predictions["hour"].dt.floor("D"))["model_version"].last()
    records = []
    asked = predictions.assign(day=predictions["hour"].dt.floor("D"))
    asked = asked.loc[asked["day"].isin(days), ["day", "model_version"]].drop_duplicates()
    for day, version in zip(asked["day"], asked["model_version"].astype(str), strict=True):
        own = by_hour[by_hour["model_version"] == version]
        of_day, of_window = own[own["day"] == day], _window(own, day, policies[version])
        values = _values(of_day, of_window, policies[version], limits, version)
        records.append(
            {
                "day": day,
                "model_version": version,
                "is_newest": bool(newest[day] == version),
                **values,
                **_scores(sketches, bins.get(version), version, day),
            }
        )
    frame = pd.DataFrame(records, columns=list(PREDICTION_DRIFT.columns))
    return frame.astype(PREDICTION_DRIFT.empty().dtypes.to_dict()).sort_values(
        list(PREDICTION_DRIFT.key), ignore_index=True
    )


def _window(own: pd.DataFrame, day: pd.Timestamp, policy: FlaggingSettings) -> pd.DataFrame | None:
    """The rows of the days that the policy looks back on; None: the version has not scored on all of them."""
    first = day - (policy.days - 1) * _DAY
    window = own[(own["day"] >= first) & (own["day"] <= day)]
    return window if len(own) and own["day"].min() <= first else None


def _values(
    of_day: pd.DataFrame,
    of_window: pd.DataFrame | None,
    policy: FlaggingSettings,
    limits: EvaluationSettings,
    version: str,
) -> dict[str, object]:
    rows, hours = int(of_day["rows"].sum()), len(of_day)
    share = float(of_day["flagged"].sum() / rows) if rows else None
    least, most = limits.min_anomaly_rate, limits.max_anomaly_rate
    low, high = _limits_of_window(policy, (least, most))
    wide = float(of_window["flagged"].sum() / of_window["rows"].sum()) if of_window is not None else None
    sentence = f"predictions: {version} flagged"
    if share is None or hours < MIN_HOURS or rows * least < 1:
        state, sentence = "unknown", f"{sentence} too few rows out of sample to tell ({rows} in {hours} hours)"
    else:
        slack = 1 / of_window["rows"].sum() if of_window is not None else 0.0
        is_out = not least <= share <= most or (wide is not None and not low - slack <= wide <= high + slack)
        state = "outside" if is_out else "within"
        sentence = f"{sentence} {share:.1%} of the day (allowed {least:.1%} to {most:.1%})"
        if wide is not None:
            sentence += f", {wide:.1%} of {policy.days} days (allowed {low:.1%} to {high:.1%})"
    return {
        "rows": rows,
        "hours": hours,
        "flagged_share": share,
        "least": least,
        "most": most,
        "window_share": wide,
        "window_least": low,
        "window_most": high,
        "state": state,
        "sentence": sentence,
    }


def _limits_of_window(policy: FlaggingSettings, of_day: tuple[float, float]) -> tuple[float, float]:
    if policy.policy == "top_k":  # which flags so many rows of each hour, whatever share that is
        return of_day
    low, high = (each * policy.budget for each in _OF_BUDGET)
    if policy.policy == "frozen":
        return low, high
    return min(low, policy.min_share), max(high, policy.max_share)


def _scores(sketches: pd.DataFrame, bins: Bins | None, version: str, day: pd.Timestamp) -> dict[str, float | None]:
    names = ("location", "spread", *EFFECTS)
    if bins is None:
        return dict.fromkeys(names)
    own = sketches[(sketches["reference"] == version) & (sketches["feature"] == SCORE)]
    counts = counts_of_days(own, pd.DatetimeIndex([day]), [SCORE])[0]
    total = counts.sum()
    if not total:
        return dict.fromkeys(names)
    middles = [float((counts * each).sum() / total) for each in (bins.ranks, bins.spreads)]
    sizes = np.clip(effects(bins.counts, counts)[0], 0.0, [1.0, np.inf, 1.0, 1.0])
    return dict(zip(names, [*middles, *sizes.tolist()], strict=True))
