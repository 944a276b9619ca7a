"""Pages of hours over a home, or over tables that are written down row by row."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from starlette.testclient import TestClient
from upath import UPath

from mlreg_dagster.config.settings import Settings
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.pages.access import Access
from mlreg_dagster.pages.answer import Answering
from mlreg_dagster.pages.app import make_app
from mlreg_dagster.pages.catalogue import PAGES
from mlreg_dagster.pages.dagster_facts.facts import Made, Partitions
from mlreg_dagster.pages.homes import Homes
from mlreg_dagster.pages.rendering import Shell, render_page
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_access import connect
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster_tests.pages.nothing_known import NothingKnown

_TYPED = {each.name: each for each in (DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT, CONCEPT_DRIFT)}
"""Tables whose rows are written down in part; the rest is null."""

NOW = datetime(2026, 1, 20, tzinfo=UTC)
HOUR = pd.Timestamp("2026-01-05T12:00", tz="UTC")


def client_on(home: Path, settings: Settings) -> TestClient:
    answering = Answering(Homes(home), settings, PAGES, None)
    return TestClient(make_app(answering, PAGES, Access(hosts=("testserver",))))


@dataclass
class Remembered:
    """A Dagster that remembers these partitions of assets, and no check."""

    made: set[tuple[str, str]] = field(default_factory=set)
    why: str | None = None

    def materializations(self, asset, limit=20, partition=None, run_id=None):
        del limit, run_id
        return [Made(asset, partition, "r1", NOW, {})] if (asset, partition) in self.made else []

    def checks(self, asset, partition=None):
        del asset, partition
        return []

    def partitions(self, asset):
        del asset
        return Partitions()


def view_of(folder: Path, frames: dict[str, pd.DataFrame], **more) -> View:
    """A view of tables in memory, and of an empty registry in a folder."""
    connection = connect()
    for name, frame in frames.items():
        connection.register("given", frame)
        table = _TYPED.get(name)
        columns = table and ", ".join(f'"{each}" {table.sql_type(each)}' for each in table.columns)
        connection.execute(f'CREATE TABLE "{name}" ({columns})' if table else f'CREATE TABLE "{name}" AS FROM given')
        if table:
            connection.execute(f'INSERT INTO "{name}" BY NAME FROM given')
        connection.unregister("given")
    known = {
        "home": folder,
        "branch": None,
        "registry": Registry(f"sqlite:///{folder / 'registry.sqlite'}"),
        "artifacts": open_artifacts(UPath(folder / "artifacts")),
        "tables": Tables(connection, "memory"),
        "settings": Settings(),
        "dagster": NothingKnown("It was not asked."),
        "as_of": NOW,
        "is_past": False,
        "now": NOW,
    }
    return View(**known | more)


def rendered(key: str, view: View, **parts: str) -> str:
    """A page of the catalogue over a view."""
    page = next(each for each in PAGES if each.key == key)
    path = page.path.format(**parts)
    return render_page(Shell(PAGES, page, path, dict(view.query)), view, page.facts(view, **parts))
