"""What Dagster keeps of its own, and what of it may go: logs of old runs, old ticks.

Runs themselves stay, and so do materializations and checks: what is due follows from them (docs/decisions/0009).
`dagster run delete` would take them along.
"""

import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import dagster as dg
import pandas as pd
import yaml
from sqlalchemy.exc import SQLAlchemyError

from mlreg_dagster.core.health import Finding
from mlreg_dagster.orchestration.dagster_internals.queries import step_log
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PATIENCE_S = 30.0
_MB = 1 << 20


@contextmanager
def opened(home: Path) -> Iterator[dg.DagsterInstance | Finding]:
    """The instance of a Dagster home, or what is wrong with it; nothing is made in a home that is not there yet.

    Args:
        home: The folder of `dagster.yaml`, which `storage_place` has found nothing wrong with.
    """
    name = "Dagster's storage"
    if not (home / "dagster.yaml").exists():
        yield Finding(name, "waiting", f"{home} is no Dagster home yet.", "The first run makes it.")
        return
    with ExitStack() as stack:
        try:
            instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
            instance.get_runs_count()
            instance.get_materialized_partitions(dg.AssetKey("market_snapshot"))
            found: dg.DagsterInstance | Finding = instance
        except (
            dg.DagsterError,
            SQLAlchemyError,
            OSError,
            ValueError,
            yaml.YAMLError,
        ) as error:  # ValueError: not UTF-8
            advice = "Stop everything that uses it and restore it from a copy; see docs/runbook.md."
            found = Finding(name, "miss", f"{home}: {str(error).splitlines()[0]}", advice)
        yield found


def dagster_is_sound(instance: dg.DagsterInstance, registered: Collection[str]) -> list[Finding]:
    """How much it keeps, and whether each version has its partition.

    Args:
        instance: Of the home.
        registered: The versions that the registry knows.
    """
    home = Path(instance.root_directory)
    prepared = set(instance.get_dynamic_partitions(str(MODEL_VERSIONS.name)))
    size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    runs = instance.get_runs_count()
    seen = f"{home}: {runs:,} runs, {size / _MB:,.0f} MB of event log, logs and ticks."
    return [Finding("Dagster's storage", "ok", seen), _versions_have_partitions(set(registered), prepared)]


def _versions_have_partitions(registered: set[str], prepared: set[str]) -> Finding:
    name = "versions' partitions"
    if absent := sorted(registered - prepared):
        seen = f"Registered, but no partition of {MODEL_VERSIONS.name}: {', '.join(absent)}."
        return Finding(name, "miss", seen, f"mlreg evaluate {absent[0]} (it adds the partition)")
    if waiting := sorted(prepared - registered):
        seen = f"Prepared, but not registered: {', '.join(waiting)}."
        return Finding(name, "waiting", seen, "Look at its run in the UI; mlreg train uses the next name.")
    return Finding(name, "ok", "Each version has its own.")


def old_logs(instance: dg.DagsterInstance, before: pd.Timestamp, kept: Collection[str]) -> list[str]:
    """The ended runs whose step logs still lie in a file of their own; none where the log is one database.

    Args:
        instance: Whose runs.
        before: Runs that ended later are left out.
        kept: Ids of runs to leave out, too.
    """
    ended = instance.get_run_records(dg.RunsFilter(statuses=_ENDED, updated_before=before.to_pydatetime()))
    ids = [record.dagster_run.run_id for record in ended]
    return [run for run in ids if run not in kept and (file := step_log(instance, run)) and file.exists()]


def remove_logs(instance: dg.DagsterInstance, runs: Collection[str]) -> None:
    """Remove the step logs of runs and what their steps printed; what they materialized stands in the index."""
    for run in filter(_RUN_ID.fullmatch, runs):  # anything else would lead to other files
        if (file := step_log(instance, run)) is None:
            return
        instance.compute_log_manager.delete_logs(prefix=[run])
        for suffix in ("-wal", "-shm", ""):
            file.with_name(file.name + suffix).unlink(missing_ok=True)


def old_ticks(instance: dg.DagsterInstance, before: pd.Timestamp) -> dict[tuple[str, str], float]:
    """For each schedule and sensor that has older ticks: until when they may go; its newest one is kept."""
    old = {}
    for state in instance.all_instigator_state():
        ours = (state.instigator_origin_id, state.selector_id)
        if newest := instance.get_ticks(*ours, limit=1):
            until = min(before.timestamp(), newest[0].timestamp)
            if instance.get_ticks(*ours, before=until, limit=1):
                old[ours] = until
    return old


def purge_ticks(instance: dg.DagsterInstance, old: dict[tuple[str, str], float]) -> None:
    """Delete what `old_ticks` found, and give the room back."""
    for (origin, selector), until in old.items():
        instance.purge_ticks(origin, selector, until)
    file = Path(instance.root_directory) / "schedules" / "schedules.db"
    if file.exists():
        with closing(sqlite3.connect(file, timeout=_PATIENCE_S, isolation_level=None)) as connection:
            connection.execute("VACUUM")
