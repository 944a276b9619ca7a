"""Simulated markets in which it is known what a verdict on a version's worth should say.

Used by `benchmarks/worth_null.py` at full size and by `test_null.py` at a small one. In all of them volatility
clusters, and one event hits many instruments at once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

from mlreg_dagster.config import WorthSettings
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.market.episodes import episodes_of, independent
from mlreg_dagster.market.names import CRASH, NO_CRASH
from mlreg_dagster.outcomes.names import WorthVerdict
from mlreg_dagster.outcomes.worth.counts import counts_by_day
from mlreg_dagster.outcomes.worth.judgement import judge, weigh
from mlreg_dagster.outcomes.worth.verdict import by_week, crashes_of

MODEL = "v1"
RANKINGS = ("volatility", "absolute_change", "fall", "volume_jump", "drawdown", "robust_z")
SETTINGS = WorthSettings()
VERDICTS: tuple[WorthVerdict, ...] = ("better", "worse", "not worse")
_COMMON = {
    "volatility": 1.0,
    "absolute_change": 0.6,
    "fall": 0.4,
    "volume_jump": 0.0,
    "drawdown": 0.6,
    "robust_z": 0.3,
}
EVERY = 6
"""Hours between predictions; a day has four."""

_DAY = 24 // EVERY
_START = as_hour("2024-01-01")  # a Monday

Grid = NDArray[np.float64]
"""Times down, instruments across."""


@dataclass(frozen=True)
class Kind:
    """A kind of market.

    Attributes:
        follows: Crashes and all scores follow volatility.
        strength: By how much the model's score is raised before crashes that can be foreseen, in standard deviations.
        share: Of the crash events, those that can be foreseen.
    """

    name: str
    follows: bool = False
    strength: float = 0.0
    share: float = 0.5


def market(kind: Kind, weeks: int, instruments: int, seed: int) -> pd.DataFrame:
    """Rows of PREDICTION_OUTCOMES of the model and all rankings, as far as a verdict reads them."""
    rng = np.random.default_rng(seed)
    times = weeks * 7 * _DAY
    volatility = wandering(rng, times, 1, 5) + 0.7 * wandering(rng, times, instruments, 20)
    crash, foreseen = _crashes(rng, kind, volatility)
    scores = dict(_scores(rng, kind, volatility))
    scores[MODEL] = scores[MODEL] + kind.strength * foreseen
    hours = pd.date_range(_START, periods=times, freq=EVERY * HOUR, unit="us")
    ids = pd.Index([f"coin-{number:03d}" for number in range(instruments)], dtype="str")
    rows = pd.DataFrame(
        {
            "prediction_hour": hours.repeat(instruments),
            "instrument_id": ids.take(np.tile(np.arange(instruments), times)),
            "in_sample": False,
            "outcome": np.where(crash.ravel(), CRASH, NO_CRASH),
        }
    )
    rows["hour"] = rows["prediction_hour"] + 24 * HOUR
    parts = [
        rows.assign(
            model_version=name,
            score=score.ravel(),
            is_anomaly=(score > np.quantile(score, 1 - SETTINGS.budget)).ravel(),
        )
        for name, score in scores.items()
    ]
    return pd.concat(parts, ignore_index=True)


def wandering(rng: np.random.Generator, times: int, series: int, half_life: float) -> Grid:
    """Standard normal series that forget half of themselves in so many days."""
    keep = 0.5 ** (1 / (half_life * _DAY))
    noise = rng.normal(size=(times + 200, series)) * np.sqrt(1 - keep**2)
    return np.asarray(lfilter([1.0], [1.0, -keep], noise, axis=0))[200:]


def _crashes(rng: np.random.Generator, kind: Kind, volatility: Grid) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows that a crash follows, and those of them whose event can be foreseen."""
    times, instruments = volatility.shape
    calm = volatility if kind.follows else wandering(rng, times, 1, 5) + np.zeros((1, instruments))
    rate = np.exp(0.8 * calm.mean(axis=1))
    starts = np.flatnonzero(rng.random(times) < np.minimum(0.6 / _DAY * rate / rate.mean(), 1))
    crash, foreseen = np.zeros(volatility.shape, dtype=bool), np.zeros(volatility.shape, dtype=bool)
    for start in starts:
        number = min(instruments, 1 + rng.geometric(0.5) * (1 + int(rng.pareto(1.5))))
        chance = np.exp(0.8 * calm[start]) * rng.exponential(size=instruments)
        hit = np.argsort(-chance)[:number]
        before = slice(max(0, start - rng.integers(_DAY // 2 + 1, _DAY + 1)), start + 1)
        crash[before, hit] = True
        foreseen[before, hit] = rng.random() < kind.share
    return crash, foreseen


def _scores(rng: np.random.Generator, kind: Kind, volatility: Grid) -> Iterator[tuple[str, Grid]]:
    """Some scores move with the whole market, so that flags come at once, others with one instrument, or at random."""
    times, instruments = volatility.shape
    for name in (MODEL, *RANKINGS):
        half_life = float(rng.choice([0.2, 1.0, 5.0]))
        own = wandering(rng, times, instruments, half_life)
        if kind.follows:
            score = volatility + own
        else:
            weight = _COMMON.get(name, rng.uniform(0, 0.8))
            score = weight * wandering(rng, times, 1, half_life) + own + weight * volatility
        yield (name if name == MODEL else f"ranking:{name}"), score


def looks(kind: Kind, weeks: int, instruments: int, seed: int) -> list[WorthVerdict]:
    """The verdict at the end of each week of one market."""
    outcomes = market(kind, weeks, instruments, seed)
    counts = [by_week(counts_by_day(outcomes, MODEL, f"ranking:{name}", SETTINGS.budget)) for name in RANKINGS]
    episodes = episodes_of(crashes_of(outcomes, MODEL))
    verdicts = []
    for week in range(1, weeks):  # the outcomes of the last one are not all due
        apart = independent(episodes[episodes["last"] < _START + week * 7 * 24 * HOUR])
        verdicts.append(judge([weigh(each[:week], apart, SETTINGS) for each in counts], SETTINGS))
    return verdicts


def simulated(kind: Kind, markets: int, weeks: int, instruments: int, seed: int = 0) -> list[list[WorthVerdict]]:
    """The verdicts week by week of so many markets of one kind."""
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(partial(looks, kind, weeks, instruments), range(seed, seed + markets), chunksize=5))


def shares(verdicts: Iterable[list[WorthVerdict]]) -> tuple[Counter[str], Counter[str]]:
    """In how many markets each verdict is reached at the end, and at any look."""
    at_end, ever = Counter[str](), Counter[str]()
    for each in verdicts:
        at_end.update(each[-1:])
        ever.update(set(each))
    return at_end, ever
