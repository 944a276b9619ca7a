"""Matured outcomes of a champion and an opponent, of which it is known whether the champion has become worse.

Used by `benchmarks/concept.py` at full size and by tests at a small one. Crashes fall together: an event hits many
instruments at once, more often in restless times, and each of its rows looks 24 hours ahead, so that neighbouring rows
and days share outcomes. Each model foresees some events, whole, and has instruments that it flags more.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import DetectionSettings, WorthSettings
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.market.names import CRASH, NO_CRASH
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.drift.statistics.paired import compared
from mlreg_dagster.outcomes.worth.counts import counts_by_day
from mlreg_dagster_tests.outcomes.worth.null_markets import EVERY, Grid, wandering

START = as_hour("2024-01-01")  # a Monday
RANKING = "ranking:fall"
INSTRUMENTS = 40
DROP_AT_MOST = 0.48
"""Points of recall that are lost where the champion foresees nothing any more; measured on 40 years."""

_ONE = pd.Timedelta(days=1)
_A_DAY = 24 // EVERY
_EVENTS_A_DAY = 0.6
_FORESEEN, _ALIKE, _RAISED, _BIASED = 0.7, 0.5, 3.0, 0.5
_BUDGET = WorthSettings().budget
_WORTH = ["day", "prediction_day", "model_version", "opponent", "hits", "crashes", "opponent_hits"]


@dataclass(frozen=True)
class Outcomes:
    """What is known of a champion and one opponent.

    Attributes:
        counted: Rows of MODEL_WORTH as far as concept drift reads them.
        crashes: prediction_hour and instrument_id of all crashes.
    """

    counted: pd.DataFrame
    crashes: pd.DataFrame

    @property
    def recall(self) -> float:
        """Of the champion, over all days."""
        return float(self.counted["hits"].sum() / self.counted["crashes"].sum())


def simulated(seed: int, days: int, opponent: str = "v1", drop: float = 0.0, since: int = 0) -> Outcomes:
    """Simulate a market.

    Args:
        seed: Of the market; the same market whatever is dropped.
        days: How many days of predictions.
        opponent: A version, or a ranking.
        drop: Points of recall that the champion loses; at most DROP_AT_MOST.
        since: The day of the predictions from which on it does.
    """
    rng = np.random.default_rng(seed)
    times = days * _A_DAY
    volatility = wandering(rng, times, 1, 5) + 0.7 * wandering(rng, times, INSTRUMENTS, 20)
    events = _events(rng, volatility)
    crash, raised = np.zeros(volatility.shape, dtype=bool), np.zeros((2, *volatility.shape), dtype=bool)
    for event in events:
        crash[event.rows, event.hit] = True
        is_lost = event.rows.stop > since * _A_DAY and event.fate < drop / DROP_AT_MOST
        for model, foresees in enumerate(event.foreseen):
            raised[model, event.rows, event.others if is_lost and model == 0 else event.hit] |= foresees
    scores = [_score(rng, volatility, each) for each in raised]
    hours = pd.date_range(START, periods=times, freq=EVERY * HOUR, unit="us")
    ids = pd.Index([f"coin-{number:03d}" for number in range(INSTRUMENTS)], dtype="str")
    rows = pd.DataFrame(
        {
            "prediction_hour": hours.repeat(INSTRUMENTS),
            "instrument_id": ids.take(np.tile(np.arange(INSTRUMENTS), times)),
            "in_sample": False,
            "outcome": np.where(crash.ravel(), CRASH, NO_CRASH),
        }
    )
    rows["hour"] = rows["prediction_hour"] + 24 * HOUR
    both = [
        rows.assign(model_version=name, score=score.ravel(), is_anomaly=_flagged(score).ravel())
        for name, score in zip((CHAMPION, opponent), scores, strict=True)
    ]
    outcomes = pd.concat(both, ignore_index=True)
    until = START + days * _ONE
    counted = counts_by_day(outcomes, CHAMPION, opponent, _BUDGET, until=until).rename_axis("prediction_day")
    counted = counted.reset_index().assign(model_version=CHAMPION, opponent=opponent)
    counted["day"] = counted["prediction_day"] + _ONE
    return Outcomes(counted[_WORTH], rows.loc[crash.ravel(), ["prediction_hour", "instrument_id"]])


class _Event(NamedTuple):
    """Crashes that fall together, and as many other instruments that a champion raises instead once it is worse."""

    rows: slice
    hit: NDArray[np.int64]
    others: NDArray[np.int64]
    foreseen: NDArray[np.bool_]
    fate: float


def _events(rng: np.random.Generator, volatility: Grid) -> list[_Event]:
    times, instruments = volatility.shape
    rate = np.exp(0.8 * volatility.mean(axis=1))
    starts = np.flatnonzero(rng.random(times) < np.minimum(_EVENTS_A_DAY / _A_DAY * rate / rate.mean(), 1))
    events = []
    for start in starts.tolist():
        number = min(instruments // 2, 1 + rng.geometric(0.5) * (1 + int(rng.pareto(1.5))))
        order = np.argsort(-np.exp(0.8 * volatility[start]) * rng.exponential(size=instruments))
        others = rng.permutation(order[number:])[:number]
        rows = slice(max(0, start - int(rng.integers(_A_DAY // 2 + 1, _A_DAY + 1))), start + 1)
        foreseen = rng.random(2) < _FORESEEN
        foreseen = foreseen[[0, 0]] if rng.random() < _ALIKE else foreseen
        events.append(_Event(rows, order[:number], others, foreseen, rng.random()))
    return events


def _score(rng: np.random.Generator, volatility: Grid, raised: NDArray[np.bool_]) -> Grid:
    own = wandering(rng, *volatility.shape, 1.0)
    bias = _BIASED * rng.normal(size=volatility.shape[1])
    return np.asarray(0.3 * volatility + own + bias + _RAISED * raised)


def _flagged(score: Grid) -> NDArray[np.bool_]:
    """The highest scores, as many as the budget has."""
    return np.asarray(score > np.quantile(score, 1 - _BUDGET))


@dataclass(frozen=True)
class Look:
    """What concept drift says at the end of a day.

    Attributes:
        verdict: On the champion.
        detectable: The drop that could have been found; NaN: not known.
        episodes: Crash episodes behind it.
    """

    verdict: str
    detectable: float
    episodes: int


def looks(found: Outcomes, settings: DetectionSettings, first: int = 0) -> list[Look]:
    """What is said each day from the day `first` on; as `families.concept` does it, without its tables."""
    counts = found.counted[["hits", "crashes", "opponent_hits", "crashes"]].to_numpy(dtype=float)
    days = ((found.counted["prediction_day"] - START) // _ONE).to_numpy()
    crashes = found.crashes.sort_values(["instrument_id", "prediction_hour"])
    hours = ((crashes["prediction_hour"] - START) // HOUR).to_numpy()
    begins = np.append(True, (np.diff(hours) >= 24) | (np.diff(pd.factorize(crashes["instrument_id"])[0]) != 0))
    is_ranking = found.counted["opponent"].iloc[0] == RANKING
    said = []
    for place in range(first, len(days)):
        since = days[place] - settings.concept_days + 1
        recent = (days >= since) & (days <= days[place])
        within = (hours >= 24 * since) & (hours < 24 * (days[place] + 1))
        episodes = len(np.unique(begins.cumsum()[within]))
        earlier = counts[days < since] if is_ranking else None
        judged = compared(counts[recent], earlier, episodes, settings)
        said.append(Look(judged.verdict, judged.detectable, episodes))
    return said


def onsets(said: list[Look]) -> list[int]:
    """The days (from 1) on which a champion that was not worse on the day before is so."""
    verdicts = ["unknown", *(each.verdict for each in said)]
    return [day for day, (before, now) in enumerate(pairwise(verdicts), 1) if now == "worse" != before]
