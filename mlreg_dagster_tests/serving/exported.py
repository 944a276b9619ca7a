"""What a server exports, as its own exposition shows it."""

from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from mlreg_dagster.serving.following.knowledge import Knowledge
from mlreg_dagster.serving.following.names import ServedRollout
from mlreg_dagster.serving.metrics import AliasModel, ServerMetrics

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def full_exposition() -> bytes:
    """That of a server to which everything has happened that is counted."""
    metrics = ServerMetrics()
    metrics.observe("/invocations", "POST", 200, "v7", "champion", 0.01, rows=1)
    metrics.knowledge(Knowledge(ready=True, checked_at=NOON), ["champion"])
    rollout = ServedRollout(1, 1, "canary_5", 500, True, "salt", None, "it is damaged", "v8")
    metrics.models([AliasModel("champion", "v7", NOON, rollout)], unloadable=[])
    return metrics.exposition()


def server_families(exposition: bytes) -> dict[str, set[str]]:
    """The labels of each series of ours, by its name."""
    families: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposition.decode()):
        for sample in family.samples:
            if sample.name.startswith("mlreg_"):
                families.setdefault(sample.name, set()).update(sample.labels)
    return families
