"""Which of the implementations answers for a home."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path

from mlreg_dagster.pages.dagster_facts.facts import DagsterFacts
from mlreg_dagster.pages.dagster_facts.files import FilesFacts

_WAIT_S = 3.0
"""For an answer of the web server; a page comes without it then."""


def dagster_facts(dagster_home: Path, url: str | None = None, until: datetime | None = None) -> DagsterFacts:
    """What Dagster remembers of a home; makes no connection and opens no file yet.

    Args:
        dagster_home: The folder of its `dagster.yaml`, which is DAGSTER_HOME or `<home>/dagster`.
        url: Of a running web server of that home, which is asked then; None: its files are read.
        until: What was recorded later is left out; None: nothing is.
    """
    return FilesFacts(dagster_home, until) if url is None else _asking(url, until)


def _asking(url: str, until: datetime | None) -> DagsterFacts:
    from mlreg_dagster.pages.dagster_facts.web_server import WebServerFacts

    return WebServerFacts(_client(url), until)


@lru_cache(maxsize=4)
def _client(url: str):  # type: ignore[no-untyped-def]
    from mlreg_dagster.verification.client import Client

    return Client(url, timeout_s=_WAIT_S)
