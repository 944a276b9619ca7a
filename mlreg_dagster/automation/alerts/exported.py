"""Numbers for Prometheus that Dagster's event log holds: how jobs stand, how new assets are, how objectives stand."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg

from mlreg_dagster.automation.alerts.facts import WATCHED, Place, levels
from mlreg_dagster.config import Settings
from mlreg_dagster.core.names import HOURLY_ASSETS, PERFORMANCE_ASSETS
from mlreg_dagster.core.times import read_time
from mlreg_dagster.monitoring.metrics.numbers import Sample, slo_samples
from mlreg_dagster.orchestration.instance.job_states import failed_last, newest_partition


def run_samples(instance: dg.DagsterInstance) -> Iterator[Sample]:
    """Which jobs failed last, and the end of the newest partition of each asset."""
    failed = {run.job_name for run, _ in failed_last(instance, WATCHED)}
    yield from (Sample("mlreg_job_last_run_failed", float(job in failed), (job,)) for job in WATCHED)
    for assets, length in ((HOURLY_ASSETS, timedelta(hours=1)), (PERFORMANCE_ASSETS, timedelta(days=1))):
        for asset in assets:
            if (key := newest_partition(instance, asset)) is not None:
                yield Sample("mlreg_newest_timestamp_seconds", (read_time(key) + length).timestamp(), (asset,))


def objective_samples(place: Place, settings: Settings, now: datetime) -> list[Sample]:
    """How the objectives stand; none of a market that has ended, where nothing is late."""
    return [] if settings.ingest.has_ended(now) else list(slo_samples(levels(place, settings, now)))
