"""Asset checks of the outcomes room: does every prediction have its outcome, and are the scores usable?"""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.hours import HOUR, hour_range
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
            made = tables.read(PREDICTIONS, hours[0] - horizon, hours[-1] - horizon, columns=key)
            came = tables.read(PREDICTION_OUTCOMES, hours[0], hours[-1], columns=key)
        same = came.equals(made.assign(hour=made["hour"] + horizon))
        return dg.AssetCheckResult(
            passed=bool(same),
            description=f"{len(came)} outcomes of {len(made)} predictions."
            + ("" if same else " Materialize prediction_outcomes for these hours again."),
            metadata={"predictions": len(made), "outcomes": len(came)},
        )

    return [one_outcome_a_prediction]
