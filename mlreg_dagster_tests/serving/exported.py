"""What a server exports, as its own exposition shows it."""

from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from mlreg_dagster.serving.following.knowledge import Knowledge
from mlreg_dagster.serving.metrics import AliasModel, ServerMetrics

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def server_families(exposition: bytes | None = None) -> dict[str, set[str]]:
    """The labels of each series that a server exports, by its name, once everything has happened that is counted.

    Args:
        exposition: Of a running server; without, of one that has seen everything.
    """
    if exposition is None:
        metrics = ServerMetrics()
        metrics.observe("/invocations", "POST", 200, "v7", "champion", 0.01, rows=1)
        metrics.knowledge(Knowledge(ready=True, checked_at=NOON))
        metrics.models([AliasModel("champion", "v7", NOON)], unloadable=[])
        exposition = metrics.exposition()
    families: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposition.decode()):
        for sample in family.samples:
            if sample.name.startswith("mlreg_"):
                families.setdefault(sample.name, set()).update(sample.labels)
    return families
