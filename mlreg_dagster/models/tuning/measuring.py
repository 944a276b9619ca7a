"""The best held against the default, on days and planting seeds that no trial saw; what that says, in a sentence."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.config.sections.tuning import ObjectiveSettings
from mlreg_dagster.core.hours import hours_since_epoch
from mlreg_dagster.models.evaluation.planted import precision_difference
from mlreg_dagster.models.evaluation.rounds import found_by_kind, mean_over_kinds
from mlreg_dagster.models.evaluation.statistics import Chance
from mlreg_dagster.models.folds.fitting import Fitted, fit_fold
from mlreg_dagster.models.folds.material import Fold
from mlreg_dagster.models.folds.precision import precision_at_budget
from mlreg_dagster.models.tuning.record import Measured

PLANTED, WORTH = "planted", "worth"
FIGURES = {PLANTED: "average precision at planted anomalies", WORTH: "precision at the flag budget"}
FEWEST_DAYS = 6
"""Without which worth has no interval: instruments fall together, so days are what is counted (decision 0023)."""


def measure(
    tuned: ModelSettings, default: ModelSettings, fold: Fold, settings: ComparisonSettings
) -> tuple[Measured, ...]:
    """Tuned against default in both figures, paired: fitted to the same rows, judged by the same rows.

    Args:
        tuned: The best settings.
        default: Those of the model file.
        fold: Hours that no trial saw.
        settings: Confidence, resamples, and how many fits show what chance in training does.
    """
    fitted = [fit_fold(each, fold) for each in (tuned, default)]
    left, right = (each.score_rounds(fold.rounds) for each in fitted)
    chances = [_chance(each, fold, settings.refits) for each in (tuned, default)] if settings.refits else []
    found = precision_difference(fold.rounds, left, right, settings, chances=chances)
    planted = Measured(
        PLANTED,
        _precision(fold, left),
        _precision(fold, right),
        found.difference,
        found.low,
        found.high,
        found.verdict,
        found.reason,
    )
    return planted, _worth(fitted, (tuned.flagging.budget, default.flagging.budget), fold, settings.confidence)


def _precision(fold: Fold, scores: Sequence[NDArray[np.float64]]) -> float | None:
    return mean_over_kinds(found_by_kind(fold.rounds, scores)) if fold.rounds else None


def _chance(settings: ModelSettings, fold: Fold, refits: int) -> Chance:
    """How far the average precision moves with the training seed alone."""
    found = []
    for seed in range(settings.seed, settings.seed + refits + 1):
        scores = fit_fold(settings.model_copy(update={"seed": seed}), fold).score_rounds(fold.rounds)
        found.append(_precision(fold, scores) or 0.0)
    return Chance(float(np.std(found, ddof=1)), refits)


def _worth(fitted: Sequence[Fitted], budgets: tuple[float, float], fold: Fold, confidence: float) -> Measured:
    crashed = fold.crashed
    if not crashed.any():
        reason = f"too few samples: no crash follows any of {len(crashed)} rows."
        return Measured(WORTH, None, None, None, None, None, "not distinguishable", reason)
    scores = [each.score(each.select(fold.judged)) for each in fitted]
    tuned, default = (precision_at_budget(each, crashed, budget) for each, budget in zip(scores, budgets, strict=True))
    days = hours_since_epoch(fold.judged["hour"]) // 24
    by_day = []
    for day in np.unique(days):
        today = days == day
        left, right = (
            precision_at_budget(each[today], crashed[today], budget)
            for each, budget in zip(scores, budgets, strict=True)
        )
        by_day.append(left - right)
    low, high, reason = _interval(np.array(by_day), confidence)
    verdict = "not distinguishable"
    if low is not None and high is not None:
        verdict = "better" if low > 0 else "worse" if high < 0 else verdict
    return Measured(WORTH, tuned, default, tuned - default, low, high, verdict, reason)


def _interval(by_day: NDArray[np.float64], confidence: float) -> tuple[float | None, float | None, str]:
    """Student's interval of the mean difference of days."""
    from scipy.stats import t

    if len(by_day) < FEWEST_DAYS:
        return None, None, f"too few samples: {len(by_day)} days, asked are {FEWEST_DAYS}."
    middle, error = float(by_day.mean()), float(by_day.std(ddof=1) / len(by_day) ** 0.5)
    reach = float(t.ppf((1 + confidence) / 2, len(by_day) - 1)) * error
    text = f"mean difference of days {middle:+.4f}, {confidence:.0%} interval {middle - reach:+.4f} to "
    return middle - reach, middle + reach, f"{text}{middle + reach:+.4f}, of {len(by_day)} days."


def sentence(best: int | None, measured: Sequence[Measured], weights: ObjectiveSettings, where: str) -> str:
    """What a study found, in one sentence.

    Args:
        best: The number of the best trial; 0 is the default, None where no trial is complete.
        measured: Tuned against default.
        weights: Only a figure that counts is spoken of.
        where: The days and seeds that it was measured on.
    """
    if best is None:
        return "No result: no trial is complete."
    if not measured:
        return "No gain: no trial was better than the default settings on the days of the search."
    spoken = [each for each in measured if getattr(weights, each.figure) > 0] or list(measured)
    told = next((each for each in spoken if each.verdict == "worse"), None) or next(
        (each for each in spoken if each.verdict == "better"), None
    )
    shown = told or spoken[0]
    figures = f"{FIGURES[shown.figure]} {_number(shown.tuned)} against {_number(shown.default)}; {shown.reason}"
    if told is None:
        return f"No gain can be told: trial {best} is not distinguishable from the default on {where}: {figures}"
    if told.verdict == "worse":
        return f"No gain: trial {best} is worse than the default on {where}: {figures}"
    return f"A gain: trial {best} is better than the default on {where}: {figures}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
