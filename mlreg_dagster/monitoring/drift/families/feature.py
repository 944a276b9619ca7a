"""Features against quiet days: rows of FEATURE_DRIFT from sums of hours, and which days they let stand out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config.sections.drift import DetectionSettings
from mlreg_dagster.monitoring.drift.schema import FEATURE_DRIFT
from mlreg_dagster.monitoring.drift.statistics.arms import WEEK, Limits, Standing, log_odds, stand
from mlreg_dagster.monitoring.drift.statistics.effects import EFFECTS, effects
from mlreg_dagster.monitoring.drift.statistics.features import flags
from mlreg_dagster.monitoring.sketches.bins import Bins
from mlreg_dagster.monitoring.sketches.days import LOCATION, SPREAD, HourlySums, day_statistics

HISTORY_DAYS = 240
"""Days before a reference was opened that are part of its null."""

_DAY = pd.Timedelta(days=1)
_USUAL_DAYS = 28
_MIN_HOURS, _MIN_INSTRUMENTS = 20 / 24, 0.8  # of the usual ones


def limits_of(settings: DetectionSettings) -> Limits:
    """The limits of the arms."""
    return Limits(
        fast=settings.fast_z,
        slow=settings.slow_z,
        persistent=settings.persistent_z,
        week=settings.week_z,
        window=settings.quiet_days,
        least=settings.min_quiet_days,
        gap=settings.gap_days,
    )


def usable_days(rows: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which days have hours and instruments enough, and which hours a day usually has.

    A market that closes has its own usual hours: enough are 20 of 24 of those of the 28 days before that had any, and
    80 % of the rows that its hours had on them. An hour in which a few instruments trade after the close has lost none.

    Args:
        rows: days x 24.

    Returns:
        By day whether it is usable; days x 24, the usual hours.
    """
    usable, usual_hours = np.zeros(len(rows), dtype=bool), np.zeros(rows.shape, dtype=bool)
    there = rows > 0
    for day in np.flatnonzero(there.any(axis=1)).tolist():
        before = np.flatnonzero(there[: day + 1].any(axis=1))[-_USUAL_DAYS - 1 :]
        usual_hours[day] = there[before].mean(axis=0) > 0.5
        usual = np.median(there[before].sum(axis=1))
        hours = there[day]
        by_hour = np.nanmedian(np.where(there[before], rows[before], np.nan)[:, hours], axis=0)
        usable[day] = hours.sum() >= _MIN_HOURS * usual and rows[day].sum() >= _MIN_INSTRUMENTS * by_hour.sum()
    return usable, usual_hours


def stand_of(hours: HourlySums, learned: NDArray[np.bool_], families: Mapping[str, str], limits: Limits) -> Standing:
    """Hold each day against the quiet days before it; days that lack hours by the hours that they have."""
    usable, usual = usable_days(hours.rows)
    _, wanders = flags(hours.names, families)
    there = hours.rows > 0
    matched = {
        day: _flat(day_statistics(_until(hours, day), there[day]))
        for day in np.flatnonzero(usable & (usual & ~there).any(axis=1)).tolist()
    }
    return stand(_flat(day_statistics(hours)), usable, learned, np.repeat(wanders, 2), limits, matched)


def _until(hours: HourlySums, day: int) -> HourlySums:
    part = slice(0, day + 1)
    return HourlySums(hours.days[part], hours.names, hours.rows[part], hours.known[part], hours.sums[part])


def _flat(statistics: NDArray[np.float64]) -> NDArray[np.float64]:
    return log_odds(statistics.reshape(len(statistics), -1))


def drift_rows(
    hours: HourlySums,
    learned: NDArray[np.bool_],
    families: Mapping[str, str],
    reference: str,
    bins: Bins,
    counts: NDArray[np.int64],
    asked: pd.DatetimeIndex,
    limits: Limits,
) -> pd.DataFrame:
    """Rows of FEATURE_DRIFT of the days that are asked for; days without any row of the market have none.

    Args:
        hours: The sums of all days from the first one of the null on, up to the last asked.
        learned: As for `arms.stand`.
        families: Of the features, by name.
        reference: Its name.
        bins: Of the reference; of the same features in the same order as the sums.
        counts: asked days x features x bins.
        asked: Which days.
        limits: Of the arms.
    """
    standing = stand_of(hours, learned, families, limits)
    short, wanders = flags(hours.names, families)
    number = len(hours.names)
    statistics, z = day_statistics(hours), standing.z.reshape(len(hours.days), number, 2)
    innovation = standing.innovation.reshape(len(hours.days), number, 2)
    frames = [FEATURE_DRIFT.empty()]
    for place, day in zip(hours.days.get_indexer(asked), asked, strict=True):
        if place < 0 or not hours.rows[place].any():
            continue
        rows = hours.rows[place].sum()
        sizes = effects(bins.counts, counts[asked.get_loc(day)])
        frame = pd.DataFrame(
            {
                "day": day,
                "feature": list(hours.names),
                "reference": reference,
                "hours": int((hours.rows[place] > 0).sum()),
                "quiet_days": int(standing.quiet_days[place]),
                "enough": bool(standing.enough[place]),
                "quiet": bool(standing.quiet[place]),
                "short_memory": short,
                "wanders": wanders,
                "null_share": 1 - hours.known[place].sum(axis=0) / rows,
                "location": statistics[place, :, LOCATION],
                "spread": statistics[place, :, SPREAD],
                "location_z": z[place, :, LOCATION],
                "spread_z": z[place, :, SPREAD],
                "location_innovation": innovation[place, :, LOCATION],
                "spread_innovation": innovation[place, :, SPREAD],
                **{name: sizes[:, column] for column, name in enumerate(EFFECTS)},
            }
        )
        frame[["ks", "js", "wasserstein"]] = frame[["ks", "js", "wasserstein"]].clip(0.0, 1.0)
        frames.append(frame.astype(FEATURE_DRIFT.empty().dtypes.to_dict()))
    found = pd.concat(frames[1:] or frames, ignore_index=True)
    return found.sort_values(list(FEATURE_DRIFT.key), ignore_index=True)


def arms_of(rows: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """What each day of FEATURE_DRIFT says by itself.

    Returns:
        By day: `enough`; `fast`, an |innovation| is above its limit; `peak`, the largest |z| of features with a short
        memory (NaN: not known); `slow`, it is above its limit; `reason`, what stands out most, in words.
    """
    parts = [_arms_of_day(day, each, limits) for day, each in rows.groupby("day")]
    columns = ["day", "enough", "fast", "slow", "peak", "reason"]
    return pd.DataFrame(parts, columns=columns).set_index("day")


def _arms_of_day(day: object, rows: pd.DataFrame, limits: Limits) -> dict[str, object]:
    z = rows[["location_z", "spread_z"]].abs()
    innovation = rows[["location_innovation", "spread_innovation"]].abs()
    short = z[rows["short_memory"].to_numpy()].to_numpy()
    fast, slow = bool((innovation > limits.fast).any(axis=None)), bool((short > limits.slow).any())
    peak = float(np.nanmax(short)) if short.size and not np.isnan(short).all() else np.nan
    reasons = []
    own = rows[rows["short_memory"]]
    if fast:
        feature, name, value = _largest(rows, innovation)
        reasons.append(f"features: {feature}, {name}, innovation {value:+.1f}")
    if slow or peak > limits.persistent:
        feature, name, value = _largest(own, own[["location_z", "spread_z"]].abs())
        reasons.append(f"features: {feature}, {name}, z {value:+.1f}")
    enough = bool(rows["enough"].all())
    return {"day": day, "enough": enough, "fast": fast, "slow": slow, "peak": peak, "reason": "; ".join(reasons)}


def reason_of_week(rows: pd.DataFrame, limits: Limits) -> str:
    """What lies far off on average of the last week of days, in words; empty: nothing does, or it is not known.

    Args:
        rows: Of FEATURE_DRIFT, of some days; of features with a short memory those of the newest reference count.
        limits: Of the arms.
    """
    own = rows[rows["short_memory"] & (rows["reference"] == rows.sort_values("day")["reference"].iloc[-1])]
    days = own["day"].drop_duplicates().nlargest(WEEK)
    own = own[own["day"].isin(days) & own["enough"]]
    means = own.groupby("feature")[["location_z", "spread_z"]].sum(min_count=WEEK).div(WEEK).reset_index()
    sizes = means[["location_z", "spread_z"]].abs()
    if not (sizes > limits.week).any(axis=None):
        return ""
    feature, name, value = _largest(means, sizes)
    return f"features: {feature}, {name}, z {value:+.1f} on average of {WEEK} days"


def _largest(rows: pd.DataFrame, sizes: pd.DataFrame) -> tuple[str, str, float]:
    """The feature, the statistic and the signed value of the largest size."""
    row, column = np.unravel_index(int(np.nanargmax(sizes.to_numpy())), sizes.shape)
    name = str(sizes.columns[int(column)])
    return str(rows["feature"].iloc[int(row)]), name.split("_")[0], float(rows[name].iloc[int(row)])
