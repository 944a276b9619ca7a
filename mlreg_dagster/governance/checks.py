"""Asset checks on the champion; the gates themselves are checks on `evaluated_model`, made where they are measured.

They can be run at any time: an artifact or a registry that was changed after the promotion is found here too.
"""

from collections.abc import Iterator

import dagster as dg

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.instance.audit_anchors import witness_of, witnessed_heads
from mlreg_dagster.orchestration.resources import ArtifactsResource, RegistryResource, WarehouseResource
from mlreg_dagster.registry import AliasEvent, Registry
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

GATES_PASSED = "gates_passed"
ARTIFACT_INTACT = "artifact_intact"
REGISTRY_INTACT = "registry_intact"
FROZEN_HOURS_UNCHANGED = dg.AssetCheckKey(dg.AssetKey("champion_model"), "frozen_hours_unchanged")
"""Part of the follow-up run that brings repaired hours up to date, so a repair shows when it happens."""

_CHAMPION_CHECKS = {
    GATES_PASSED: "Its latest evaluation passed every gate.",
    ARTIFACT_INTACT: "Its bytes have the registered hash and load.",
    REGISTRY_INTACT: "Every row of the registry fits the audit log, and the log fits what was witnessed of it.",
}


def build_governance_checks() -> list[dg.AssetChecksDefinition]:
    """The champion's gates, its bytes, the registry that names it, and the hours behind it."""
    return [_champion_checks(), _frozen_hours_unchanged()]


def champion_results(
    records: Registry, store: ArtifactStore, tables: Warehouse, instance: dg.DagsterInstance
) -> list[dg.AssetCheckResult]:
    """Every check on the champion, as it is now."""
    champion = records.holder(CHAMPION)
    results = [_result(name, champion, records, store, instance) for name in _CHAMPION_CHECKS]
    return [*results, _frozen_hours(champion, records, store, tables)]


def _champion_checks() -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="champion_model_checks",
        specs=[
            dg.AssetCheckSpec(name, asset="champion_model", description=asks) for name, asks in _CHAMPION_CHECKS.items()
        ],
        can_subset=True,
    )
    def champion_model_checks(
        context: dg.AssetCheckExecutionContext, mlreg_artifacts: ArtifactsResource, mlreg_registry: RegistryResource
    ) -> Iterator[dg.AssetCheckResult]:
        records = mlreg_registry.open()
        champion = records.holder(CHAMPION)
        for key in context.selected_asset_check_keys:
            yield _result(key.name, champion, records, mlreg_artifacts.open(), context.instance)

    return champion_model_checks


def _result(
    name: str, champion: AliasEvent | None, records: Registry, store: ArtifactStore, instance: dg.DagsterInstance
) -> dg.AssetCheckResult:
    passed, text, severity = False, "No version is champion yet.", dg.AssetCheckSeverity.ERROR
    if name == REGISTRY_INTACT:
        passed, text, severity = _registry_intact(records, instance)
    elif champion is not None and name == GATES_PASSED:
        passed, text = _gates_passed(champion, records)
    elif champion is not None:
        passed, text = _artifact_intact(champion, store)
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey("champion_model"),
        check_name=name,
        passed=passed,
        severity=severity,
        description=text,
        metadata={"champion": champion.version if champion else "nobody"},
    )


def _registry_intact(records: Registry, instance: dg.DagsterInstance) -> tuple[bool, str, dg.AssetCheckSeverity]:
    heads = witnessed_heads(instance)
    if broken := records.find_tampering(heads):
        return False, broken, dg.AssetCheckSeverity.ERROR
    witness = witness_of(records, heads)
    return not witness.is_blind, f"The audit log fits all rows. {witness.text}", dg.AssetCheckSeverity.WARN


def _gates_passed(champion: AliasEvent, records: Registry) -> tuple[bool, str]:
    evaluation = records.latest_evaluation(champion.version)
    if evaluation is None:
        return False, f"{champion.version} was never evaluated."
    failed = [gate.name for gate in evaluation.gates if not gate.passed]
    if failed:
        return False, f"Evaluation {evaluation.id} of {champion.version} failed: {', '.join(failed)}."
    return True, f"Evaluation {evaluation.id} of {champion.version} passed all {len(evaluation.gates)} gates."


def _artifact_intact(champion: AliasEvent, store: ArtifactStore) -> tuple[bool, str]:
    from mlreg_dagster.models.artifacts import artifact

    try:
        artifact.load(store, champion.version, champion.artifact_sha256)
    except MlregError as error:  # the failure is the finding
        return False, str(error)
    return True, f"{champion.version} has SHA-256 {champion.artifact_sha256} and loads."


def _frozen_hours_unchanged() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=FROZEN_HOURS_UNCHANGED.asset_key,
        name=FROZEN_HOURS_UNCHANGED.name,
        additional_deps=["market_features"],  # in a follow-up run it looks at what that run has written
        description="The hours that the champion was trained on and judged by hold the rows that were frozen; hours "
        "that were tidied away since can't be compared.",
    )
    def frozen_hours_unchanged(
        mlreg_artifacts: ArtifactsResource, mlreg_registry: RegistryResource, mlreg_warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        records = mlreg_registry.open()
        return _frozen_hours(records.holder(CHAMPION), records, mlreg_artifacts.open(), mlreg_warehouse.open())

    return frozen_hours_unchanged


def _frozen_hours(
    champion: AliasEvent | None, records: Registry, store: ArtifactStore, tables: Warehouse
) -> dg.AssetCheckResult:
    from mlreg_dagster.models.artifacts.verified import datasets_behind

    passed, text, changed = True, "No version is champion yet: nothing can have changed.", 0
    if champion is not None:
        model, evaluation = records.version(champion.version), records.latest_evaluation(champion.version)
        behind = datasets_behind(model, evaluation, store, tables)
        changed = sum(len(part.changes.changed) for part in behind if part.changes)
        passed = changed == 0 and not any(part.problem for part in behind)
        text = f"{model.version}: {' '.join(part.problem or str(part.changes) for part in behind)}"
    return dg.AssetCheckResult(
        asset_key=FROZEN_HOURS_UNCHANGED.asset_key,
        check_name=FROZEN_HOURS_UNCHANGED.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=text,
        metadata={"champion": champion.version if champion else "nobody", "hours_changed_since_frozen": changed},
    )
