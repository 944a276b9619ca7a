"""Whether the champion has become worse by matured outcomes, paired with an opponent on the same rows.

Recall of a day moves by a quarter on quiet markets, so a champion is never held against its own past alone. Days are
the blocks; what could have been found is said beside what was (decision 0030).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from mlreg_dagster.config.sections.drift import DetectionSettings
from mlreg_dagster.market.episodes import episodes_of
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT
from mlreg_dagster.monitoring.drift.statistics.paired import POWER, Compared, compared
from mlreg_dagster.outcomes.names import is_ranking

_DAY = pd.Timedelta(days=1)
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
    counts, earlier = (days[list(_COUNTED)].to_numpy(dtype=float) for days in (recent, before))
    found = compared(counts, earlier if kind == "ranking" else None, episodes, settings)
    return {
        "opponent": opponent,
        "kind": kind,
        "days": len(recent),
        "episodes": episodes,
        **asdict(found),
        "sentence": _sentence(f"{champion.version} against {_NAMES[kind]}{opponent}", kind, len(recent), episodes)
        + _found(found),
        "rank": float(earlier[:, 2].sum()) if kind == "ranking" else 0.0,
    }


_NAMES = {
    "predecessor": "its predecessor ",
    "challenger": "the challenger ",
    "version": "",
    "ranking": "the simple ranking ",
}


def _sentence(who: str, kind: str, days: int, episodes: int) -> str:
    what = "recall against what it was before" if kind == "ranking" else "recall"
    return f"concept: {who}, {days} days with {episodes} crash episodes: {what} "


def _found(found: Compared) -> str:
    if found.difference is None:
        return "not known, as there are no crashes to compare"
    said = f"{100 * found.difference:+.0f} points"
    if np.isfinite([found.low, found.high]).all():
        said += f" ({100 * found.low:+.0f} to {100 * found.high:+.0f})"
    said += f", {found.verdict}"
    if np.isfinite(found.detectable):
        size, often = f"{100 * found.detectable:.0f} points", f"{100 * POWER:.0f} of 100 cases"
        said += f"; as days spread now, a drop of {size} is found in {often}"
    return said


def verdict_of(rows: pd.DataFrame) -> tuple[str, int, Sequence[str]]:
    """Verdict, crash episodes and sentences of a day's rows, by the opponent that decides."""
    deciding = rows[rows["decides"]]
    if deciding.empty:
        return "unknown", 0, ()
    row = deciding.iloc[0]
    reasons = (str(row["sentence"]),) if row["verdict"] == "worse" else ()
    return str(row["verdict"]), int(row["episodes"]), reasons
