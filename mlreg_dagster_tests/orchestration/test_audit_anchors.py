"""What Dagster witnessed of the registry's audit log, and what is refused because of it."""

import dagster as dg
import pytest

from mlreg_dagster.orchestration.instance.audit_anchors import RegistryTampered, newest_heads, require_intact
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.registry.builders import register


@pytest.mark.parametrize("event", [dg.AssetObservation, dg.AssetMaterialization])
def test_an_older_copy_is_noticed_by_changes_of_traffic_and_by_moves(tmp_path, event):
    registry, older = (Registry(f"sqlite:///{tmp_path}/{name}.db") for name in ("registry", "older"))
    register(registry, "v1")
    head = audit_head(registry)

    @dg.op
    def report(context):
        context.log_event(event("champion_model", metadata={AUDIT_HEAD: head}))
        context.log_event(dg.AssetObservation("champion_model", metadata={"refused": "v2"}))

    @dg.job
    def reporting():
        report()

    with dg.DagsterInstance.ephemeral() as instance:
        require_intact(older, instance)
        assert reporting.execute_in_process(instance=instance).success
        require_intact(registry, instance)
        assert len(newest_heads(instance)) == 1
        with pytest.raises(RegistryTampered, match="mlreg restore"):
            require_intact(older, instance)
