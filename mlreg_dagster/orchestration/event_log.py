"""The former place of `dagster_internals.event_log`, which the `dagster.yaml` of homes of release 0.1 names."""

from mlreg_dagster.orchestration.dagster_internals.event_log import BatchedSqliteStorage

__all__ = ["BatchedSqliteStorage"]
