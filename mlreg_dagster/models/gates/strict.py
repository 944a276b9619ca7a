"""The gates that a risk tier of promotion.yaml may ask for on top of those that every version must pass."""

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config.sections.evaluation import StrictGateSettings
from mlreg_dagster.extensions.gates import Measurement, NotComputable, NothingAsked, Threshold, between
from mlreg_dagster.models.evaluation.verdict import better_than, better_with, champion_in
from mlreg_dagster.models.gates.built_in import built_in
from mlreg_dagster.models.gates.context import GateContext
from mlreg_dagster.models.gates.planted import IMPROVEMENT, asked, measurement, threshold

if TYPE_CHECKING:
    import pandas as pd

BETTER = "better_than_champion"
PARITY = "segment_parity"
NOISE = "noise_robustness"
MISSING = "missing_feature_robustness"
LATENCY = "scoring_latency"
SIZE = "model_size"

_SEED = 5
_KEY = ["hour", "instrument_id"]
_TIERED_BY = {"volume_24h": "24h volume", "market_cap": "market cap"}
_TIERS = ("small", "middle", "large")
_REPETITIONS = 7
_MEGABYTE = 1e6


def _apart(asked: GateContext) -> Threshold:
    is_better, _ = better_than(asked.versus, champion_in(asked.versus))
    return Threshold("told apart as better", lambda _: is_better)


@built_in(
    BETTER,
    "On the same rows and planted anomalies it is told apart from the champion, as the better one.",
    _apart,
    strict=True,
)
def better_than_champion(context: GateContext) -> Measurement:
    """Average precision minus that of the champion; without another champion nothing is asked."""
    versus = context.versus
    champion = champion_in(versus)
    reason = f"The candidate {better_than(versus, champion)[1]}"
    if champion is None:
        raise NothingAsked(reason)
    if versus.get("difference") is None:
        raise NotComputable(reason)
    flattered = f" {champion} has seen the holdout." if champion in versus["in_sample"] else ""
    spread = better_with(versus)
    interval = {name: versus.get(name) or {} for name in ("seeds", "days")}
    ends = {name: versus.get(name) for name in ("low", "high")}
    return Measurement(versus["difference"], f"{reason}{spread}{flattered}", interval=ends | interval)


def _share_above(context: GateContext) -> Threshold:
    least = asked(IMPROVEMENT, context.settings)
    return threshold(f"at least {least:.0%} above the baseline", least, on_lower_end=context.planted_interval)


@built_in(
    IMPROVEMENT,
    "Planted anomalies are found better than by the robust z-score baseline, by a share of it.",
    _share_above,
    strict=True,
)
def improvement_over_baseline(context: GateContext) -> Measurement:
    """How much better planted anomalies are found than by the baseline, relative to the baseline."""
    found, baseline = (context.metrics[name] for name in ("average_precision", "baseline_average_precision"))
    if found is None:
        raise NotComputable("no anomaly could be planted: no instrument has enough hours in the holdout.")
    if not baseline:
        raise NotComputable("the baseline found nothing, so there is nothing to relate to.")
    detail = f"Average precision {found:.3f}, of the baseline {baseline:.3f}."
    result = (context.metrics.get("planted") or {}).get("improvement")
    return measurement((found - baseline) / baseline, detail, result, asked(IMPROVEMENT, context.settings))


@built_in(
    PARITY,
    "About the same share of rows is flagged among instruments of small, middle and large volume and cap.",
    lambda asked: between(at_most=asked.settings.strict.max_segment_difference),
    strict=True,
)
def segment_parity(context: GateContext) -> Measurement:
    """The highest anomaly rate of a third of the holdout rows minus the lowest, by volume and by market cap.

    The thirds are terciles of the rows whose volume (or cap) is known. Where a source knows no caps at all, the volume
    decides alone. A detector that flags small instruments far more often than large ones has learned their size.
    """
    market = context.holdout.market
    if market is None:
        raise NotComputable("the holdout has no market behind it that tells volume and cap.")
    known = context.holdout.rows[_KEY].merge(market[[*_KEY, *_TIERED_BY]], on=_KEY, how="left", validate="one_to_one")
    rates_by = {
        what: _tier_rates(known[name], context.flagged, context.settings.strict) for name, what in _TIERED_BY.items()
    }
    measured = [rates for rates in rates_by.values() if not isinstance(rates, str)]
    detail = " ".join(
        f"By {what}: {rates if isinstance(rates, str) else _shares(rates)}." for what, rates in rates_by.items()
    )
    if not measured:
        raise NotComputable(detail)
    return Measurement(max(float(np.ptp(rates)) for rates in measured), detail)


@built_in(
    NOISE,
    "Labels stay as they are when a little noise is added to every feature.",
    lambda asked: between(at_least=asked.settings.strict.min_noise_agreement),
    strict=True,
)
def noise_robustness(context: GateContext) -> Measurement:
    """Share of labels that stay when normal noise is added: `noise_scale` of each feature's deviation in training.

    What did not vary in training, or is missing, gets none.
    """
    size = context.settings.strict.noise_scale
    rows, thresholds = _sample(context)
    scale = size * np.sqrt(context.model.pipeline["scale"].var_)
    noise = np.random.default_rng(_SEED).normal(size=rows.shape) * scale
    same, detail = _agreement(context, rows, rows + noise, thresholds)
    return Measurement(same, f"Noise of {size:g} standard deviations; {detail}")


def _least_and_mean(asked: GateContext) -> Threshold:
    least, mean = asked.settings.strict.min_missing_agreement, asked.settings.strict.min_mean_missing_agreement
    return Threshold(
        f"at least {least:g}, on average {mean:g}", lambda found: found.value >= least and found.second >= mean
    )


@built_in(
    MISSING,
    "Labels stay as they are when a feature is missing, whichever it is.",
    _least_and_mean,
    strict=True,
)
def missing_feature_robustness(context: GateContext) -> Measurement:
    """Share of labels that stay when one feature is null in all rows: the lowest of all features, and their mean."""
    rows, thresholds = _sample(context)
    found = {name: _agreement(context, rows, rows.assign(**{name: np.nan}), thresholds) for name in rows.columns}
    name = min(found, key=lambda each: found[each][0])
    mean = float(np.mean([same for same, _ in found.values()]))
    detail = f"Without {name} {found[name][1]} Mean over {len(found)} features: {mean:.3f}."
    return Measurement(found[name][0], detail, second=mean)


def _time_and_speed(asked: GateContext) -> Threshold:
    most, least = asked.constraints.max_latency_ms, asked.constraints.min_rows_per_s
    return Threshold(
        f"at most {most:g} ms, at least {least:,.0f} rows/s",
        lambda found: found.value <= most and found.second >= least,
    )


@built_in(
    LATENCY,
    "One hour of the universe is scored as fast as the use case asks, and many rows as well.",
    _time_and_speed,
    strict=True,
)
def scoring_latency(context: GateContext) -> Measurement:
    """Milliseconds to score the largest hour of the holdout, and rows a second over all of it; medians."""
    rows = context.holdout.rows
    if rows.empty:
        raise NotComputable("the holdout has no rows to score.")
    hour = rows[rows["hour"] == rows["hour"].value_counts().idxmax()]
    speed = len(rows) / _seconds(context, rows)
    taken = 1000 * _seconds(context, hour)
    detail = f"{len(hour)} rows of one hour in {taken:.1f} ms; {len(rows)} rows at {speed:,.0f} rows/s."
    return Measurement(taken, detail, second=speed)


def _megabytes(asked: GateContext) -> Threshold:
    most = asked.constraints.max_model_mb
    return Threshold(f"at most {most:g} MB", lambda found: found.value <= most)


@built_in(SIZE, "The version's bundle is as small as the use case asks.", _megabytes, strict=True)
def model_size(context: GateContext) -> Measurement:
    """Megabytes of the version's bundle."""
    return Measurement(context.bundle_bytes / _MEGABYTE, f"{context.bundle_bytes:,} bytes.")


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


def _sample(context: GateContext) -> tuple["pd.DataFrame", NDArray[np.float64]]:
    """At most `robustness_rows` of the holdout's rows, by seed, as the model's features; and their thresholds."""
    rows, most = context.rows, context.settings.strict.robustness_rows
    if rows.empty:
        raise NotComputable("the holdout has no rows to score.")
    if len(rows) <= most:
        return rows, context.thresholds
    chosen = np.sort(np.random.default_rng(_SEED).choice(len(rows), most, replace=False))
    return rows.iloc[chosen], context.thresholds[chosen]


def _agreement(
    context: GateContext, rows: "pd.DataFrame", changed: "pd.DataFrame", thresholds: NDArray[np.float64]
) -> tuple[float, str]:
    """Share of rows with the same label before and after, and how the flags moved."""
    before, after = (context.model.score(each) > thresholds for each in (rows, changed))
    kept = f"{int(np.sum(before & after))} of {int(before.sum())} flags stayed, {int(np.sum(after & ~before))} came."
    return float(np.mean(before == after)), f"of {len(rows)} labels {int(np.sum(before != after))} changed: {kept}"


def _seconds(context: GateContext, rows: "pd.DataFrame") -> float:
    """Median time to score rows, after once that doesn't count."""
    features = context.model.select(rows)
    taken = []
    for _ in range(_REPETITIONS + 1):
        begun = time.perf_counter()
        context.model.score(features)
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken[1:]))
