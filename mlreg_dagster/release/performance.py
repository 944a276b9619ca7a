"""The step that compares what a request costs: processor time of candidate and champion, in turns, in this process.

A request is measured from its bytes to the bytes of its answer, as the server handles it, without sockets and the
prediction log, which are the same for every version.
"""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import quantile_test

from mlreg_dagster.client.wire import tensor
from mlreg_dagster.config.sections.release import ReleaseSettings
from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.release.steps import Status, Step
from mlreg_dagster.serving.answering import make_answer
from mlreg_dagster.serving.following.names import Served
from mlreg_dagster.serving.protocols.open_inference import reading, writing
from mlreg_dagster.serving.scoring.model import ServedModel

PERFORMANCE = "performance"
_TURN_S = 0.004
_MOST_REQUESTS = 200
_WARM_UP = 3
_SHOWN = 5
_FURTHER = 4


@dataclass(frozen=True)
class Ratio:
    """Processor time of the candidate as a multiple of the champion's, for requests of one size.

    Attributes:
        rows: Of each request.
        candidate_us: Median processor time of a request, microseconds.
        champion_us: The same of the champion.
        ratio: Median over the turns.
        low: Lower end of its interval.
        high: Upper end.
        turns: How many, of each of the two.
    """

    rows: int
    candidate_us: float
    champion_us: float
    ratio: float
    low: float
    high: float
    turns: int


def performance(
    candidate: ServedModel,
    champion: ServedModel,
    rows: pd.DataFrame,
    settings: ReleaseSettings,
    serving: ServingSettings,
) -> Step:
    """Whether requests to the candidate cost about as much as those to the champion.

    Args:
        candidate: The version that is to be released.
        champion: The version that answers today.
        rows: With the features of the candidate; those of the champion that they lack are unknown to it.
        settings: Sizes of requests, turns, and the limit.
        serving: Of the server.
    """
    found = [_ratio(candidate, champion, rows, count, settings, serving) for count in settings.rows]
    status = _status(found, settings.cpu_ratio)
    limit = f"at most {settings.cpu_ratio:g}"
    detail = f"CPU a request against {champion.version}, {limit} is allowed: {'; '.join(map(_in_words, found))}."
    if status == "not measured":
        detail += " The interval holds the limit: repeat it on a quiet machine, or with more `rounds` in rollout.yaml."
    if lacking := [name for name in champion.features if name not in rows.columns]:
        detail += f" {len(lacking)} features of {champion.version} were unknown: {', '.join(lacking[:_SHOWN])}."
    figures = {
        "champion": champion.version,
        "lacking": lacking,
        "limit": settings.cpu_ratio,
        "confidence": settings.confidence,
    }
    return Step(PERFORMANCE, status, detail, {**figures, "requests": [asdict(each) for each in found]})


def without_champion() -> Step:
    """Nothing is asked where there is nothing to compare with."""
    return Step(PERFORMANCE, "passed", "There is no champion to compare with, so nothing is asked.", {"requests": []})


def _status(found: Sequence[Ratio], limit: float) -> Status:
    if any(each.low > limit for each in found):
        return "failed"
    return "passed" if all(each.high <= limit for each in found) else "not measured"


def _in_words(found: Ratio) -> str:
    rows = "1 row" if found.rows == 1 else f"{found.rows} rows"
    return (
        f"{rows} {found.ratio:.2f} ({found.low:.2f} to {found.high:.2f}; {found.candidate_us:.0f} and "
        f"{found.champion_us:.0f} µs)"
    )


def _ratio(
    candidate: ServedModel,
    champion: ServedModel,
    rows: pd.DataFrame,
    count: int,
    settings: ReleaseSettings,
    serving: ServingSettings,
) -> Ratio:
    """The ratio for requests of one size; where its interval holds the limit, further turns follow, once."""
    sample = rows.head(count)
    requests = [_request(model, sample, serving, count) for model in (candidate, champion)]
    repeats = [_repeats(request) for request in requests]
    spent = _turns(requests, repeats, settings.rounds)
    found = _summary(spent, count, settings.confidence)
    if _status([found], settings.cpu_ratio) == "not measured":
        more = _turns(requests, repeats, _FURTHER * settings.rounds)
        found = _summary(np.concatenate([spent, more]), count, settings.confidence)
    return found


def _turns(requests: Sequence[Callable[[], object]], repeats: Sequence[int], rounds: int) -> NDArray[np.float64]:
    """Seconds a request of both, by turns, whose order alternates, so that other load affects both alike."""
    spent = np.empty((rounds, len(requests)))
    collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(rounds):
            for side in (0, 1) if turn % 2 else (1, 0):
                spent[turn, side] = _cpu_seconds(requests[side], repeats[side])
    finally:
        if collecting:
            gc.enable()
    return spent


def _summary(spent: NDArray[np.float64], rows: int, confidence: float) -> Ratio:
    """The median of the ratios, with the interval of the sign test, which assumes nothing of their distribution."""
    ratios = spent[:, 0] / spent[:, 1]
    interval = quantile_test(ratios, q=1, p=0.5).confidence_interval(confidence)
    candidate, champion = (float(1e6 * each) for each in np.median(spent, axis=0))
    return Ratio(
        rows, candidate, champion, float(np.median(ratios)), float(interval.low), float(interval.high), len(ratios)
    )


def _request(model: ServedModel, rows: pd.DataFrame, serving: ServingSettings, most: int) -> Callable[[], object]:
    """One request to a version, from the bytes of its body to those of its answer."""
    known = rows.reindex(columns=list(model.features)).astype(np.float64)
    body = msgspec.json.encode({"inputs": [tensor(name, known[name]) for name in model.features]})
    served = Served(model.version, None, None, None, model)

    def request() -> object:
        asked = reading.read(body, None, model.features, most)
        return writing.write(make_answer(served, asked, serving), asked)

    return request


def _repeats(request: Callable[[], object]) -> int:
    """How many requests make a turn that is long enough to be measured."""
    for _ in range(_WARM_UP):
        request()
    return int(min(max(_TURN_S / max(_cpu_seconds(request, _WARM_UP), 1e-9), 1), _MOST_REQUESTS))


def _cpu_seconds(request: Callable[[], object], repeats: int) -> float:
    """Processor time of one request, the mean of some in a row."""
    begun = time.process_time()
    for _ in range(repeats):
        request()
    return (time.process_time() - begun) / repeats
