"""The gates that a risk tier may ask for on top of the five that every version must pass.

Each takes what an evaluation knows and gives a result; one that can't be computed fails and says why. The frozen
artifact is scored as it is.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config.sections.evaluation import StrictGateSettings
from mlreg_dagster.config.sections.governance import Constraints
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.evaluation import EvaluationResult
from mlreg_dagster.models.evaluation.gates import NotComputable, gate
from mlreg_dagster.models.evaluation.verdict import better_than, champion_in
from mlreg_dagster.models.names import BETTER, IMPROVEMENT, LATENCY, MISSING, NOISE, PARITY, SIZE
from mlreg_dagster.registry import GateResult

_SEED = 5
_KEY = ["hour", "instrument_id"]
_TIERED_BY = {"volume_24h": "24h volume", "market_cap": "market cap"}
_TIERS = ("small", "middle", "large")
_REPETITIONS = 7
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Judged:
    """What there is to measure.

    Attributes:
        model: The frozen artifact.
        holdout: Its rows, with the market behind them.
        result: Of the usual gates.
        versus: Of `comparison.against_champion`.
        settings: Thresholds.
        constraints: What serving can bear.
        bundle_bytes: Size of the version's bundle.
    """

    model: Model
    holdout: Dataset
    result: EvaluationResult
    versus: Mapping[str, Any]
    settings: StrictGateSettings
    constraints: Constraints
    bundle_bytes: int


def measure(names: Iterable[str], judged: Judged) -> tuple[GateResult, ...]:
    """The results of the gates named, each once, in that order."""
    return tuple(_GATES[name](judged) for name in dict.fromkeys(names))


def better_than_champion(judged: Judged) -> GateResult:
    """Passes where there is no other champion, and where the comparison's verdict is that it is better."""
    versus = judged.versus
    champion = champion_in(versus)
    is_better, standing = better_than(versus, champion)
    reason, threshold = f"The candidate {standing}", "told apart as better"
    if champion is None:
        return GateResult(BETTER, True, None, threshold, reason)

    def compared() -> tuple[float, str]:
        if versus.get("difference") is None:
            raise NotComputable(reason)
        flattered = f" {champion} has seen the holdout." if champion in versus["in_sample"] else ""
        return versus["difference"], f"{reason}{flattered}"

    return gate(BETTER, compared, threshold, lambda _: is_better)


def improvement_over_baseline(judged: Judged) -> GateResult:
    """How much better planted anomalies are found than by the baseline, relative to the baseline."""
    least = judged.settings.min_improvement

    def improvement() -> tuple[float, str]:
        found, baseline = (judged.result.metrics[name] for name in ("average_precision", "baseline_average_precision"))
        if found is None:
            raise NotComputable("no anomaly could be planted: no instrument has enough hours in the holdout.")
        if not baseline:
            raise NotComputable("the baseline found nothing, so there is nothing to relate to.")
        return (found - baseline) / baseline, f"Average precision {found:.3f}, of the baseline {baseline:.3f}."

    return gate(IMPROVEMENT, improvement, f"at least {least:.0%} above the baseline", lambda value: value >= least)


def segment_parity(judged: Judged) -> GateResult:
    """The highest anomaly rate of a third of the holdout rows minus the lowest, by volume and by market cap.

    The thirds are terciles of the rows whose volume (or cap) is known. Where a source knows no caps at all, the volume
    decides alone. A detector that flags small instruments far more often than large ones has learned their size.
    """
    most = judged.settings.max_segment_difference

    def widest() -> tuple[float, str]:
        market = judged.holdout.market
        if market is None:
            raise NotComputable("the holdout has no market behind it that tells volume and cap.")
        known = judged.holdout.rows[_KEY].merge(
            market[[*_KEY, *_TIERED_BY]], on=_KEY, how="left", validate="one_to_one"
        )
        flagged = judged.result.scores > judged.model.threshold
        found = {what: _tier_rates(known[name], flagged, judged.settings) for name, what in _TIERED_BY.items()}
        told = {what: rates for what, rates in found.items() if not isinstance(rates, str)}
        detail = " ".join(
            f"By {what}: {rates if isinstance(rates, str) else _shares(rates)}." for what, rates in found.items()
        )
        if not told:
            raise NotComputable(detail)
        return max(float(np.ptp(rates)) for rates in told.values()), detail

    return gate(PARITY, widest, f"at most {most:g}", lambda value: value <= most)


def noise_robustness(judged: Judged) -> GateResult:
    """Share of labels that stay when normal noise is added: `noise_scale` of each feature's deviation in training.

    What did not vary in training, or is missing, gets none.
    """
    settings = judged.settings

    def agreement() -> tuple[float, str]:
        rows = _sample(judged)
        scale = settings.noise_scale * np.sqrt(judged.model.pipeline["scale"].var_)
        noise = np.random.default_rng(_SEED).normal(size=rows.shape) * scale
        same, detail = _agreement(judged.model, rows, rows + noise)
        return same, f"Noise of {settings.noise_scale:g} standard deviations; {detail}"

    least = settings.min_noise_agreement
    return gate(NOISE, agreement, f"at least {least:g}", lambda value: value >= least)


def missing_feature_robustness(judged: Judged) -> GateResult:
    """Share of labels that stay when one feature is null in all rows: the lowest of all features, and their mean."""
    least, least_mean = judged.settings.min_missing_agreement, judged.settings.min_mean_missing_agreement
    mean = 0.0

    def worst() -> tuple[float, str]:
        nonlocal mean
        rows = _sample(judged)
        found = {name: _agreement(judged.model, rows, rows.assign(**{name: np.nan})) for name in rows.columns}
        name = min(found, key=lambda each: found[each][0])
        mean = float(np.mean([same for same, _ in found.values()]))
        return found[name][0], f"Without {name} {found[name][1]} Mean over {len(found)} features: {mean:.3f}."

    threshold = f"at least {least:g}, on average {least_mean:g}"
    return gate(MISSING, worst, threshold, lambda value: value >= least and mean >= least_mean)


def scoring_latency(judged: Judged) -> GateResult:
    """Milliseconds to score the largest hour of the holdout, and rows a second over all of it; medians."""
    most, least = judged.constraints.max_latency_ms, judged.constraints.min_rows_per_s
    rows = judged.holdout.rows
    speed = 0.0

    def latency() -> tuple[float, str]:
        nonlocal speed
        if rows.empty:
            raise NotComputable("the holdout has no rows to score.")
        hour = rows[rows["hour"] == rows["hour"].value_counts().idxmax()]
        speed = len(rows) / _seconds(judged.model, rows)
        taken = 1000 * _seconds(judged.model, hour)
        return taken, f"{len(hour)} rows of one hour in {taken:.1f} ms; {len(rows)} rows at {speed:,.0f} rows/s."

    threshold = f"at most {most:g} ms, at least {least:,.0f} rows/s"
    return gate(LATENCY, latency, threshold, lambda value: value <= most and speed >= least)


def model_size(judged: Judged) -> GateResult:
    """Megabytes of the version's bundle."""
    most = judged.constraints.max_model_mb
    size = judged.bundle_bytes / _MEGABYTE
    return gate(
        SIZE, lambda: (size, f"{judged.bundle_bytes:,} bytes."), f"at most {most:g} MB", lambda value: value <= most
    )


_GATES: dict[str, Callable[[Judged], GateResult]] = {
    BETTER: better_than_champion,
    IMPROVEMENT: improvement_over_baseline,
    PARITY: segment_parity,
    NOISE: noise_robustness,
    MISSING: missing_feature_robustness,
    LATENCY: scoring_latency,
    SIZE: model_size,
}


def _tier_rates(
    values: "pd.Series[float]", flagged: NDArray[np.bool_], settings: StrictGateSettings
) -> list[float] | str:
    """Anomaly rate of each third of the rows whose value is known, or why there are none."""
    known = values.notna().to_numpy(dtype=bool)
    if not known.any():
        return "unknown"
    edges = np.quantile(values[known], [1 / 3, 2 / 3])
    tiers = np.searchsorted(edges, values[known], side="right")
    counts = np.bincount(tiers, minlength=len(_TIERS))
    if counts.min() < settings.min_segment_rows:
        return f"too few rows in a tier ({int(counts.min())}, asked are {settings.min_segment_rows})"
    return [float(flagged[known][tiers == tier].mean()) for tier in range(len(_TIERS))]


def _shares(rates: list[float]) -> str:
    return ", ".join(f"{tier} {rate:.3f}" for tier, rate in zip(_TIERS, rates, strict=True))


def _sample(judged: Judged) -> pd.DataFrame:
    """At most `robustness_rows` of the holdout's rows, by seed, as the model's features."""
    rows = judged.model.select(judged.holdout.rows)
    if rows.empty:
        raise NotComputable("the holdout has no rows to score.")
    if len(rows) <= judged.settings.robustness_rows:
        return rows
    chosen = np.random.default_rng(_SEED).choice(len(rows), judged.settings.robustness_rows, replace=False)
    return rows.iloc[np.sort(chosen)]


def _agreement(model: Model, rows: pd.DataFrame, changed: pd.DataFrame) -> tuple[float, str]:
    """Share of rows with the same label before and after, and what became of those flagged before."""
    before, after = (model.score(each) > model.threshold for each in (rows, changed))
    kept = f"{int(np.sum(before & after))} of {int(before.sum())} flags stayed, {int(np.sum(after & ~before))} came."
    return float(np.mean(before == after)), f"of {len(rows)} labels {int(np.sum(before != after))} changed: {kept}"


def _seconds(model: Model, rows: pd.DataFrame) -> float:
    """Median time to score rows, after once that doesn't count."""
    features = model.select(rows)
    taken = []
    for _ in range(_REPETITIONS + 1):
        begun = time.perf_counter()
        model.score(features)
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken[1:]))
