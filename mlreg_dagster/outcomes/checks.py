"""Asset checks of the outcomes room: every prediction has its outcome, of one meaning; the flagged share is usual."""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, chunked, hour_range
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.partitions import hours_in_tags
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.consistency import hours_under_other_settings, in_words
from mlreg_dagster.outcomes.names import SUSPENDED
from mlreg_dagster.outcomes.performance.flagged_share import as_values, flagged_share
from mlreg_dagster.outcomes.reasons.checks import build_reasons_check
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.outcomes.worth.checks import build_worth_check

FLAGGED_SHARE = "flagged_share_within_limits"
"""The name of the check on predictions; `verification` looks for it."""


def build_outcome_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks on predictions, what is derived from them, and the worth of models."""
    return [
        _flagged_share_check(settings),
        _outcomes_check(settings),
        _meaning_check(settings),
        build_reasons_check(settings),
        build_worth_check(),
    ]


def _flagged_share_check(settings: Settings) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="predictions",
        name=FLAGGED_SHARE,
        description="Of its last day, the champion flagged a share within the limits that let it in. Too few "
        "predictions to tell are a warning. Looks at the newest day, whatever hours its run has written.",
    )
    @retried
    def flagged_share_within_limits(
        mlreg_warehouse: WarehouseResource, mlreg_registry: RegistryResource, mlreg_clock: Clock
    ) -> dg.AssetCheckResult:
        found = flagged_share(mlreg_warehouse.open(), settings.evaluation)
        suspension = mlreg_registry.open().suspension(CHAMPION, mlreg_clock.now())
        stopped = "" if suspension is None else f"Suspended, no hour is scored: {suspension.in_words}. Before that: "
        is_unknown = found.state == "unknown" or suspension is not None
        return dg.AssetCheckResult(
            passed=found.state == "within" and suspension is None,
            severity=dg.AssetCheckSeverity.WARN if is_unknown else dg.AssetCheckSeverity.ERROR,
            description=f"{stopped}{found.text}",
            metadata={**as_values(found), SUSPENDED: suspension is not None},
        )

    return flagged_share_within_limits


def _outcomes_check(settings: Settings) -> dg.AssetChecksDefinition:
    horizon = settings.outcomes.horizon_hours * HOUR

    @dg.asset_check(
        asset="prediction_outcomes",
        description="Each prediction whose horizon has passed has exactly one outcome; none is dropped.",
    )
    @retried
    def one_outcome_a_prediction(
        context: dg.AssetCheckExecutionContext, mlreg_warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        key = ["hour", "instrument_id", "model_version"]
        with mlreg_warehouse.open().session() as tables:
            hours = hours_in_tags(context.run.tags)
            if hours is None:
                newest = tables.newest(PREDICTION_OUTCOMES)
                if newest is None:
                    return dg.AssetCheckResult(passed=True, description="No prediction has fallen due yet.")
                hours = hour_range(newest - 23 * HOUR, newest)
            predictions, outcomes, same = 0, 0, True
            for chunk in chunked(hours, settings.scored_hours_at_once):
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

    return one_outcome_a_prediction


def _meaning_check(settings: Settings) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="prediction_outcomes",
        description="All stored outcomes are what outcomes.yaml says now: none was made under another horizon, target, "
        "tolerance or crash_pct. Looks at the whole table, whatever hours its run has written.",
    )
    @retried
    def outcomes_have_one_meaning(mlreg_warehouse: WarehouseResource) -> dg.AssetCheckResult:
        with mlreg_warehouse.open().session() as tables:
            tables.newest(PREDICTION_OUTCOMES)  # the table is there from now on
            with tables.connect() as connection:
                hours = hours_under_other_settings(connection, settings.outcomes)
        remedy = "" if hours.empty else " Materialize prediction_outcomes and model_performance for these hours again."
        return dg.AssetCheckResult(
            passed=hours.empty,
            severity=dg.AssetCheckSeverity.WARN,
            description=in_words(hours, settings.outcomes) + remedy,
            metadata={"hours": len(hours)},
        )

    return outcomes_have_one_meaning
