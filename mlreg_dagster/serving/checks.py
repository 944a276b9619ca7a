"""The checks on served answers: their log could be read, their versions are on record, their outcomes are there."""

from pathlib import Path

import dagster as dg
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.orchestration.partitions import hours_in_tags
from mlreg_dagster.orchestration.resources import RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.served.schema import SERVED_OUTCOMES, SERVED_PREDICTIONS
from mlreg_dagster.storage.prediction_log import layout_of
from mlreg_dagster.storage.warehouse.tables import Table
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_VERSIONS = (
    f"SELECT DISTINCT model_version, artifact_sha256 FROM {SERVED_PREDICTIONS.name} "  # noqa: S608
    "WHERE hour BETWEEN $first AND $last ORDER BY ALL"
)


def build_serving_checks(settings: Settings, home: Path) -> list[dg.AssetChecksDefinition]:
    """The checks on served_predictions and served_outcomes."""
    return [_log_check(home), _versions_check(), _outcomes_check(settings)]


def _log_check(home: Path) -> dg.AssetChecksDefinition:
    layout = layout_of(home)

    @dg.asset_check(
        asset="served_predictions",
        description="Every line of the segments could be read. A torn line is the last one of a process that was "
        "killed before it had answered; a foreign one is none of ours. Both are kept in the folder `aside`. Run by "
        "itself, it looks at the newest hour that has answers.",
    )
    @retried
    def prediction_log_can_be_read(
        context: dg.AssetCheckExecutionContext, mlreg_warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        from mlreg_dagster.serving.log.compaction import as_times
        from mlreg_dagster.serving.log.hour_files import segments_in

        hours = _hours(context, mlreg_warehouse.open(), SERVED_PREDICTIONS)
        read = [each for hour in as_times(hours) for each in segments_in(layout.hour_file(hour)).values()]
        torn, foreign = sum(each.torn for each in read), sum(each.foreign for each in read)
        answers = sum(each.answers for each in read)
        named = ", ".join(sorted({each.name for each in read if each.foreign}))
        text = f"{answers:,} answers of {len(read)} segments; {torn} torn lines and {foreign} foreign ones"
        text += f", of {named}" if named else ""
        return dg.AssetCheckResult(
            passed=not torn and not foreign,
            severity=dg.AssetCheckSeverity.ERROR if foreign else dg.AssetCheckSeverity.WARN,
            description=f"{text}. They lie in {layout.aside}." if torn or foreign else f"{text}.",
            metadata={"answers": answers, "segments": len(read), "torn": torn, "foreign": foreign},
        )

    return prediction_log_can_be_read


def _versions_check() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="served_predictions",
        description="Every answer is of a version that is on record, and of its artifact. Run by itself, it looks at "
        "the newest hour that has answers.",
    )
    @retried
    def served_versions_are_on_record(
        context: dg.AssetCheckExecutionContext, mlreg_warehouse: WarehouseResource, mlreg_registry: RegistryResource
    ) -> dg.AssetCheckResult:
        with mlreg_warehouse.open().session() as tables:
            hours = _hours(context, tables, SERVED_PREDICTIONS)
            served = tables.query(_VERSIONS, {"first": hours.min(), "last": hours.max()}) if len(hours) else None
        known = {each.version: each.artifact_sha256 for each in mlreg_registry.open().versions()}
        rows = [] if served is None else list(served.itertuples(index=False, name=None))
        foreign = [f"{version} ({sha256[:12]})" for version, sha256 in rows if known.get(version) != sha256]
        text = f"Not on record, or of another artifact: {', '.join(foreign)}." if foreign else "All of them are."
        return dg.AssetCheckResult(
            passed=not foreign,
            description=text,
            metadata={"versions": ", ".join(str(row[0]) for row in rows) or "none"},
        )

    return served_versions_are_on_record


def _outcomes_check(settings: Settings) -> dg.AssetChecksDefinition:
    horizon = settings.outcomes.horizon_hours * HOUR

    @dg.asset_check(
        asset="served_outcomes",
        description="Each first answer of a version about an instrument and an hour whose horizon has passed has "
        "exactly one outcome. Run by itself, it looks at the newest hour that has outcomes.",
    )
    @retried
    def one_outcome_an_answer(
        context: dg.AssetCheckExecutionContext, mlreg_warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        from mlreg_dagster.outcomes.served.first_answers import first_answers

        with mlreg_warehouse.open().session() as tables:
            hours = _hours(context, tables, SERVED_OUTCOMES)
            if hours.empty:
                return dg.AssetCheckResult(passed=True, description="No answer has an outcome yet.")
            answers = first_answers(tables, hours[0] - horizon, hours[-1] - horizon)
            outcomes = tables.read(SERVED_OUTCOMES, hours[0], hours[-1], columns=["hour", "answer_id", "row"])
        of_answers = set(answers[["answer_id", "row"]].itertuples(index=False, name=None))
        of_outcomes = set(outcomes[["answer_id", "row"]].itertuples(index=False, name=None))
        missing, stray = len(of_answers - of_outcomes), len(of_outcomes - of_answers)
        text = f"Of {len(of_answers)} answers {missing} have no outcome; {stray} outcomes have no answer."
        return dg.AssetCheckResult(
            passed=not missing and not stray,
            description=text + (" Materialize served_outcomes for these hours again." if missing or stray else ""),
            metadata={"answers": len(of_answers), "missing": missing, "stray": stray},
        )

    return one_outcome_an_answer


def _hours(context: dg.AssetCheckExecutionContext, tables: Warehouse, table: Table) -> pd.DatetimeIndex:
    """The hours of the run, or the newest one that has rows; none where none has."""
    hours = hours_in_tags(context.run.tags)
    if hours is not None:
        return hours
    newest = tables.newest(table)
    return pd.DatetimeIndex([], dtype="datetime64[us, UTC]") if newest is None else hour_range(newest, newest)
