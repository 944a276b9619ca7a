"""The gates that every version must pass. The gates of risk tiers are in `strict`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.extensions.gates import Measurement, NotComputable, Threshold, between
from mlreg_dagster.models.gates.built_in import built_in
from mlreg_dagster.models.gates.context import GateContext
from mlreg_dagster.models.gates.planted import AVERAGE_PRECISION, asked, measurement, threshold
from mlreg_dagster.models.manifests import WALK_FORWARD

ANOMALY_RATE = "anomaly_rate_in_range"
RATE_SHIFT = "anomaly_rate_near_training"
SILHOUETTE = "silhouette"
SCORE_GAP = "score_gap"


@built_in(
    ANOMALY_RATE,
    "The share of flagged holdout rows lies in the allowed range.",
    lambda asked: between(asked.settings.min_anomaly_rate, asked.settings.max_anomaly_rate),
)
def anomaly_rate(context: GateContext) -> Measurement:
    """Share of the holdout rows that are flagged."""
    flagged = context.flagged
    return Measurement(context.metrics["anomaly_rate"], f"{int(flagged.sum())} of {len(flagged)} rows flagged.")


@built_in(
    RATE_SHIFT,
    "That share is close to the one in training.",
    lambda asked: between(at_most=asked.settings.max_rate_shift),
)
def anomaly_rate_shift(context: GateContext) -> Measurement:
    """Distance of that share from the one in training."""
    rate, training = (float(context.metrics[name]) for name in ("anomaly_rate", "training_anomaly_rate"))
    return Measurement(abs(rate - training), f"Holdout {rate:.3f}, training {training:.3f}.")


@built_in(
    SILHOUETTE,
    "Flagged and unflagged rows are apart in the detector's own space.",
    lambda asked: between(at_least=asked.settings.min_silhouette),
)
def silhouette(context: GateContext) -> Measurement:
    """Silhouette of flagged against unflagged rows (Rousseeuw, "Silhouettes", 1987), on a seeded sample."""
    from sklearn.metrics import silhouette_score

    flagged, most = context.flagged, context.settings.silhouette_rows
    _require_both(flagged)
    points = context.model.transform(context.rows)
    chosen = np.arange(len(points))
    if len(points) > most:
        chosen = np.sort(np.random.default_rng(0).choice(len(points), most, replace=False))
    if len(chosen) < 3:
        raise NotComputable(f"a silhouette needs at least 3 rows, there are {len(chosen)}.")
    _require_both(flagged[chosen])
    return Measurement(float(silhouette_score(points[chosen], flagged[chosen])), f"On at most {most} rows.")


@built_in(
    SCORE_GAP,
    "Flagged rows score clearly higher than the others.",
    lambda asked: between(at_least=asked.settings.min_score_gap),
)
def score_gap(context: GateContext) -> Measurement:
    """Mean score of the flagged rows minus that of the others."""
    flagged, scores = context.flagged, context.scores
    _require_both(flagged)
    gap = float(scores[flagged].mean() - scores[~flagged].mean())
    return Measurement(gap, "Mean score of flagged rows minus that of the others.")


def _margin(context: GateContext) -> Threshold:
    least, on_planted = asked(AVERAGE_PRECISION, context.settings), WALK_FORWARD not in context.model.manifest
    text = f"at least {least:g} above the baseline"
    return threshold(text, least, on_lower_end=context.planted_interval and on_planted)


@built_in(
    AVERAGE_PRECISION,
    "Planted anomalies (by a classifier: crashes of later weeks) are found at least as well as by the robust z-score "
    "baseline.",
    _margin,
)
def average_precision_margin(context: GateContext) -> Measurement:
    """Average precision at finding what it is trained to find minus that of the baseline; every kind counts alike.

    A classifier learned what precedes a crash, not what is unusual. It is measured by its walk-forward: on rows that
    lay after all that it had learned from, against the baseline fitted to the same earlier rows.
    """
    if walk_forward := context.model.manifest.get(WALK_FORWARD):
        margin = walk_forward["average_precision"] - walk_forward["baseline_average_precision"]
        return Measurement(margin, _of_crashes(walk_forward))
    found, baseline = (
        context.metrics[name] for name in ("average_precision_by_kind", "baseline_average_precision_by_kind")
    )
    if not found:
        raise NotComputable("no anomaly could be planted: no instrument has enough hours in the holdout.")
    margin = float(np.mean(list(found.values()))) - float(np.mean(list(baseline.values())))
    detail = f"By kind: {_by_kind(found)}. Baseline: {_by_kind(baseline)}."
    result = (context.metrics.get("planted") or {}).get("margin")
    return measurement(margin, detail, result, asked(AVERAGE_PRECISION, context.settings))


def _of_crashes(found: Mapping[str, Any]) -> str:
    crashes, rows = found["crashes"], found["rows"]
    return (
        f"Crashes of later weeks, by walk-forward: {found['average_precision']:.3f}, of the baseline "
        f"{found['baseline_average_precision']:.3f}; {crashes:,} of {rows:,} rows are crashes ({crashes / rows:.2%})."
    )


def _require_both(flagged: NDArray[np.bool_]) -> None:
    if flagged.all() or not flagged.any():
        raise NotComputable(f"{'all' if flagged.any() else 'none'} of the {len(flagged)} rows are flagged.")


def _by_kind(by_kind: Mapping[str, Any]) -> str:
    return ", ".join(f"{kind} {value:.3f}" for kind, value in by_kind.items())
