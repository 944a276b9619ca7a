"""Asset checks of the outcomes room: does every prediction have its outcome, and are the scores usable?"""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.hours import HOUR, chunked, hour_range
from mlreg_dagster.orchestration.partitions import hours_in_tags
from mlreg_dagster.orchestration.resources import WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS


def build_outcome_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The check on prediction_outcomes."""
    horizon = settings.outcomes.horizon_hours * HOUR

    @dg.asset_check(
        asset="prediction_outcomes",
        description="Each prediction whose horizon has passed has exactly one outcome; none is dropped.",
    )
    @retried
    def one_outcome_a_prediction(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        key = ["hour", "instrument_id", "model_version"]
        with warehouse.open().session() as tables:
            hours = hours_in_tags(context.run.tags)
            if hours is None:
                newest = tables.newest(PREDICTION_OUTCOMES)
                if newest is None:
                    return dg.AssetCheckResult(passed=True, description="No prediction has fallen due yet.")
                hours = hour_range(newest - 23 * HOUR, newest)
            predictions, outcomes, same = 0, 0, True
            for chunk in chunked(hours, settings.ingest.chunk_hours):
                made = tables.read(PREDICTIONS, chunk[0] - horizon, chunk[-1] - horizon, columns=key)
                came = tables.read(PREDICTION_OUTCOMES, chunk[0], chunk[-1], columns=key)
                predictions, outcomes = predictions + len(made), outcomes + len(came)
                same &= came.equals(made.assign(hour=made["hour"] + horizon))
        return dg.AssetCheckResult(
            passed=same,
            description=f"{outcomes} outcomes of {predictions} predictions."
            + ("" if same else " Materialize prediction_outcomes for these hours again."),
            metadata={"predictions": predictions, "outcomes": outcomes},
        )

    return [one_outcome_a_prediction]
