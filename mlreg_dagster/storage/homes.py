"""Makes the data home, and within it the home of Dagster's instance."""

import os
from pathlib import Path

from mlreg_dagster.config import fit_for_databases, home_dir
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained

DAGSTER_YAML = """\
# Written once; edit it as you like.
telemetry:
  enabled: false
nux:
  enabled: false        # no first-visit dialog over the pages
storage:
  custom:               # Dagster's SQLite files, written in batches
    module: mlreg_dagster.orchestration.dagster_internals.event_log
    class: BatchedSqliteStorage
    config:
      base_dir:
        env: DAGSTER_HOME
run_monitoring:
  enabled: true
  max_runtime_seconds: 21600    # a run whose process was killed gives its slot back
concurrency:
  runs:
    max_concurrent_runs: 4
  pools:
    default_limit: 1    # trainings and evaluations one at a time: each may use all cores
    granularity: op
"""


def prepare_home(home: Path | None = None) -> dict[str, str]:
    """Make the data home and a Dagster home within it.

    Returns:
        The environment that makes every `dagster` command use them: MLREG_HOME and DAGSTER_HOME. A
        DAGSTER_HOME that is set already is kept.

    Raises:
        ConfigError: The home has a name that no database can be opened under.
        NotAFolder, StorageFull, StorageNotWritable: The home can't be made.
    """
    home = home or home_dir()
    dagster_home = fit_for_databases(Path(os.environ.get("DAGSTER_HOME") or home / "dagster"), "DAGSTER_HOME")
    config = dagster_home / "dagster.yaml"
    with explained(dagster_home):
        private_files.make_folder(dagster_home)
        if not config.exists():
            draft = config.with_suffix(".draft")  # a process killed meanwhile must not leave half of it for ever
            private_files.write(draft, DAGSTER_YAML.encode())
            draft.replace(config)
    return {"MLREG_HOME": str(home), "DAGSTER_HOME": str(dagster_home)}
