"""The check on reasons: each flag has its own, and they sum to its score."""

from collections import Counter
from dataclasses import asdict

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import chunked, hour_range
from mlreg_dagster.orchestration.partitions import hours_in_tags
from mlreg_dagster.orchestration.resources import WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.schema import PREDICTION_REASONS, PREDICTIONS

_USED = ["hour", "instrument_id", "model_version", "role", "score", "is_anomaly"]


def build_reasons_check(settings: Settings) -> dg.AssetChecksDefinition:
    """The check on prediction_reasons."""

    @dg.asset_check(
        asset="prediction_reasons",
        description="Each flag of champion and challenger has reasons, whose shares sum to its score minus that of "
        "the training medians; nothing else has. Run by itself, it looks at the newest hour that has reasons.",
    )
    @retried
    def reasons_sum_to_scores(
        context: dg.AssetCheckExecutionContext, mlreg_warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        from mlreg_dagster.outcomes.reasons.of_hours import Agreement, compare

        if not settings.outcomes.reasons.pairs:
            return dg.AssetCheckResult(passed=True, description="Reasons are switched off (pairs in outcomes.yaml).")
        counts = Counter[str]()
        with mlreg_warehouse.open().session() as tables:
            hours = hours_in_tags(context.run.tags)
            if hours is None:
                newest = tables.newest(PREDICTION_REASONS)
                if newest is None:
                    return dg.AssetCheckResult(passed=True, description="No prediction has reasons yet.")
                hours = hour_range(newest, newest)
            for chunk in chunked(hours, settings.scored_hours_at_once):
                predictions = tables.read(PREDICTIONS, chunk[0], chunk[-1], columns=_USED)
                reasons = tables.read(PREDICTION_REASONS, chunk[0], chunk[-1])
                counts.update(asdict(compare(predictions, reasons)))
        found = Agreement(**counts)
        text = f"Of {found.flags} flags {found.unexplained} have no reasons"
        text += f", {found.differing} have reasons that do not sum to their score; {found.stray} reasons have no flag."
        return dg.AssetCheckResult(
            passed=found.holds,
            description=text + ("" if found.holds else " Materialize predictions and prediction_reasons again."),
            metadata=asdict(found),
        )

    return reasons_sum_to_scores
