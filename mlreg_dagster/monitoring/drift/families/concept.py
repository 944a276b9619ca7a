"""Whether the champion has become worse by matured outcomes, paired with an opponent on the same rows.

Recall of a day moves by a quarter on quiet markets, so a champion is never held against its own past alone. Days are
the blocks; what could have been found is said beside what was (decision 0030).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config.sections.drift import DetectionSettings
from mlreg_dagster.market.episodes import episodes_of
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT
from mlreg_dagster.outcomes.names import is_ranking
from mlreg_dagster.outcomes.worth.blocks import Counts, difference_of_ratios, interval, standard_error

MIN_EPISODES = 30
"""Crash episodes without which nothing is known."""

_DAY = pd.Timedelta(days=1)
_RESAMPLES = 1000
_POWER = 0.8
_COUNTED = ("hits", "crashes", "opponent_hits", "crashes")
_ORDER = ("predecessor", "challenger", "version", "ranking")


@dataclass(frozen=True)
class Champion:
    """Who is champion at the end of a day, since when, and who was before.

    Attributes:
        version: The champion.
        since: From when on.
        predecessor: The version before it; None: there was none.
        challenger: The challenger at the end of the day; None: there is none.
    """

    version: str
    since: pd.Timestamp
    predecessor: str | None
    challenger: str | None

    def kind_of(self, opponent: str) -> str:
        """Which kind of opponent a version is."""
        kinds = {self.predecessor: "predecessor", self.challenger: "challenger"}
        return "ranking" if is_ranking(opponent) else kinds.get(opponent, "version")


def concept_rows(
    counted: pd.DataFrame,
    crashes: pd.DataFrame,
    day: pd.Timestamp,
    champion: Champion | None,
    settings: DetectionSettings,
) -> pd.DataFrame:
    """Rows of CONCEPT_DRIFT of a day.

    Args:
        counted: Rows of MODEL_WORTH up to the day; later ones don't matter.
        crashes: prediction_hour and instrument_id of the crashes among the champions' outcomes.
        day: At whose end is asked.
        champion: As of the end of the day.
        settings: Days, drop and confidence.
    """
    found = []
    if champion is not None:
        rows = counted[counted["day"] <= day]
        found = [
            {"day": day, **_compared(opponent, days, crashes, champion, settings)}
            for opponent, days in _contests(rows).items()
        ]
    known = [each for each in found if each["verdict"] != "unknown"] or found
    first = min(known, key=_standing, default=None)
    frame = pd.DataFrame([{**each, "decides": each is first} for each in found], columns=list(CONCEPT_DRIFT.columns))
    return frame.astype(CONCEPT_DRIFT.empty().dtypes.to_dict()).sort_values(list(CONCEPT_DRIFT.key), ignore_index=True)


def _standing(row: dict[str, object]) -> tuple[int, float, str]:
    """Opponents that were trained come first; of rankings the one that was best before these days."""
    return _ORDER.index(str(row["kind"])), -float(str(row.pop("rank", 0.0))), str(row["opponent"])


def _contests(counted: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The champion's hits, an opponent's hits and the crashes by prediction day, for each opponent."""
    contests = {}
    for (version, opponent), rows in counted.groupby(["model_version", "opponent"]):
        days = rows.set_index("prediction_day").sort_index()
        if version == CHAMPION:
            contests[str(opponent)] = days[["hits", "crashes", "opponent_hits"]]
        elif opponent == CHAMPION:
            turned = {"hits": "opponent_hits", "opponent_hits": "hits"}
            contests[str(version)] = days[["hits", "crashes", "opponent_hits"]].rename(columns=turned)
    return contests


def _compared(
    opponent: str, days: pd.DataFrame, crashes: pd.DataFrame, champion: Champion, settings: DetectionSettings
) -> dict[str, object]:
    last = days.index.max()
    first = last - (settings.concept_days - 1) * _DAY
    kind = champion.kind_of(opponent)
    since = first if kind == "ranking" else max(first, champion.since.ceil("D"))
    recent, before = days[days.index >= since], days[days.index < first]
    within = (crashes["prediction_hour"] >= since) & (crashes["prediction_hour"] < last + _DAY)
    episodes = len(episodes_of(crashes[within]))
    counts = recent[list(_COUNTED)].to_numpy(dtype=float)
    earlier = before[list(_COUNTED)].to_numpy(dtype=float)
    own, other = _recall(counts, 0), _recall(counts, 2)
    difference = None if own is None or other is None else own - other
    if kind == "ranking":
        counts, usual = _beside(counts, earlier), _difference(earlier)
        difference = None if difference is None or usual is None else difference - usual
    measure = change_of_differences if kind == "ranking" else difference_of_ratios
    low, high = interval(counts, measure, settings.concept_confidence, _RESAMPLES) if difference is not None else _NONE
    error = standard_error(counts, measure) if difference is not None else np.nan
    detectable = (
        max(settings.concept_drop, (high - low) / 2 + NormalDist().inv_cdf(_POWER) * error)
        if np.isfinite([low, high, error]).all()
        else np.nan
    )
    verdict = _verdict(difference, high, episodes, detectable, settings)
    return {
        "opponent": opponent,
        "kind": kind,
        "days": len(recent),
        "episodes": episodes,
        "recall": own,
        "opponent_recall": other,
        "difference": difference,
        "low": low,
        "high": high,
        "detectable": detectable,
        "verdict": verdict,
        "sentence": _sentence(f"{champion.version} against {_NAMES[kind]}{opponent}", kind, len(recent), episodes)
        + _found(difference, (low, high), detectable, verdict),
        "rank": float(earlier[:, 2].sum()) if kind == "ranking" else 0.0,
    }


_NONE = np.nan, np.nan


def change_of_differences(totals: Counts) -> tuple[NDArray[np.float64], Counts]:
    """Measure: a difference of ratios, minus the same of other days."""
    now, slope = difference_of_ratios(totals[:, :4])
    before, other = difference_of_ratios(totals[:, 4:])
    return now - before, np.hstack([slope, -other])


def _beside(counts: Counts, earlier: Counts) -> Counts:
    """Days of now and days of before, in columns of their own."""
    zeros = np.zeros_like
    return np.vstack([np.hstack([counts, zeros(counts)]), np.hstack([zeros(earlier), earlier])])


def _recall(counts: Counts, column: int) -> float | None:
    crashes = counts[:, column + 1].sum()
    return float(counts[:, column].sum() / crashes) if crashes > 0 else None


def _difference(counts: Counts) -> float | None:
    own, other = _recall(counts, 0), _recall(counts, 2)
    return None if own is None or other is None else own - other


def _verdict(
    difference: float | None, high: float, episodes: int, detectable: float, settings: DetectionSettings
) -> str:
    if difference is None or episodes < MIN_EPISODES or not np.isfinite(detectable):
        return "unknown"
    return "worse" if high < 0 and difference <= -settings.concept_drop else "same"


_NAMES = {
    "predecessor": "its predecessor ",
    "challenger": "the challenger ",
    "version": "",
    "ranking": "the simple ranking ",
}


def _sentence(who: str, kind: str, days: int, episodes: int) -> str:
    what = "recall against what it was before" if kind == "ranking" else "recall"
    return f"concept: {who}, {days} days with {episodes} crash episodes: {what} "


def _found(difference: float | None, ends: tuple[float, float], detectable: float, verdict: str) -> str:
    if difference is None:
        return "not known, as there are no crashes to compare"
    said = f"{100 * difference:+.0f} points"
    if np.isfinite(ends).all():
        said += f" ({100 * ends[0]:+.0f} to {100 * ends[1]:+.0f})"
    power = f"; {100 * detectable:.0f} points could have been found" if np.isfinite(detectable) else ""
    return f"{said}, {verdict}{power}"


def verdict_of(rows: pd.DataFrame) -> tuple[str, int, Sequence[str]]:
    """Verdict, crash episodes and sentences of a day's rows, by the opponent that decides."""
    deciding = rows[rows["decides"]]
    if deciding.empty:
        return "unknown", 0, ()
    row = deciding.iloc[0]
    reasons = (str(row["sentence"]),) if row["verdict"] == "worse" else ()
    return str(row["verdict"]), int(row["episodes"]), reasons
