"""The job that publishes the head of the audit log; Dagster's event log remembers the same head."""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.core.names import PUBLISH_HEAD
from mlreg_dagster.orchestration.instance.audit_anchors import (
    PUBLISHED_HEAD,
    PUBLISHED_TO,
    require_intact,
    witness_of,
    witnessed_heads,
)
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD
from mlreg_dagster.orchestration.resources import Clock, RegistryResource


def build_publish_job(settings: Settings) -> dg.JobDefinition:
    """The job `publish_head`; audit.yaml alone says where to, and the run config nothing."""

    @dg.op
    def publish_audit_head(
        context: dg.OpExecutionContext, mlreg_registry: RegistryResource, mlreg_clock: Clock
    ) -> None:
        from mlreg_dagster.governance.audit_export.lines import spelled
        from mlreg_dagster.governance.audit_export.publishing import head_to_publish, places_of, publish

        records = mlreg_registry.open()
        heads = witnessed_heads(context.instance)
        require_intact(records, context.instance, heads)
        places = places_of(settings.audit)
        remembered = witness_of(records, heads).witnessed
        head = head_to_publish(records.audit_log(), settings.audit, mlreg_clock.now(), remembered)
        context.log_event(
            dg.AssetObservation(
                "champion_model",
                description=f"audit log published up to record {head.sequence}",
                metadata={
                    AUDIT_HEAD: head.text,
                    PUBLISHED_HEAD: spelled(head),
                    PUBLISHED_TO: dg.MetadataValue.json(list(places)),
                    "signed": head.is_signed,
                    "independent_witnesses": head.witnesses,
                },
            )
        )
        publish(head, places)

    @dg.job(name=PUBLISH_HEAD, description="Publishes the head of the audit log at the places that audit.yaml names.")
    def job() -> None:
        publish_audit_head()

    return job
