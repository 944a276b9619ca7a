"""The lifecycle with tables in a lake, artifacts on S3 and the registry in PostgreSQL: as on a home that has it all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlreg_dagster.config.places import ARTIFACTS, REGISTRY, TABLES
from mlreg_dagster.pages.catalogue import PAGES
from mlreg_dagster_tests.lifecycle import END, Lifecycle, go_live, train
from mlreg_dagster_tests.object_store import NAMES, make_bucket, s3_server, variables
from mlreg_dagster_tests.pages.sites import client_of
from mlreg_dagster_tests.postgres import postgres_server, schema_of_its_own
from mlreg_dagster_tests.same_homes import records_of, tables_of
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url

__all__ = ["postgres_server", "s3_server"]

pytestmark = pytest.mark.slow


@dataclass
class Places:
    """A home whose tables, artifacts and registry are elsewhere, and the variables that say so."""

    home: Path
    variables: Mapping[str, str]


@pytest.fixture(scope="module")
def places(postgres_server: str, s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> Places:
    folder = tmp_path_factory.mktemp("shared")
    named = variables(s3_server) | {
        TABLES: lake_url(postgres_server, folder / "tables"),
        ARTIFACTS: f"s3://{make_bucket(s3_server)}/artifacts",
        REGISTRY: schema_of_its_own(postgres_server),
    }
    with pytest.MonkeyPatch.context() as patch:
        _set(patch, named)
        world = Lifecycle(folder / "home")
        train(world)
        go_live(world)
    return Places(folder / "home", named)


@pytest.fixture
def shared(places: Places, monkeypatch: pytest.MonkeyPatch) -> Lifecycle:
    """The world of these places, in which the variables are set."""
    _set(monkeypatch, places.variables)
    return Lifecycle(places.home)


def _set(patch: pytest.MonkeyPatch, named: Mapping[str, str]) -> None:
    for name in NAMES:
        patch.delenv(name, raising=False)
    for name, value in named.items():
        patch.setenv(name, value)


def _tables(world: Lifecycle) -> dict[str, pd.DataFrame]:
    with world.warehouse.connect() as connection:
        return tables_of(connection)


def test_tables_registry_and_artifacts_are_those_of_a_home_that_has_it_all(
    shared: Lifecycle, live_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, records = _tables(shared), records_of(shared.registry)
    kept = {kind: shared.artifacts.keys(kind) for kind in ("training_dataset", "eval_holdout", "models")}
    assert {path.name for path in shared.home.iterdir()} <= {"latest", "dagster", "bundles"}
    for name in (TABLES, ARTIFACTS, REGISTRY):
        monkeypatch.delenv(name)
    alone = Lifecycle(live_home)
    expected = _tables(alone)
    assert found.keys() == expected.keys()
    assert len(found) > 5
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(found[name], frame, check_exact=True, obj=name)
    assert records == records_of(alone.registry)
    assert len(records["versions"]) == 3
    assert kept == {kind: alone.artifacts.keys(kind) for kind in kept}


def test_pages_show_the_same(shared: Lifecycle, live_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _facts(shared.home)
    for name in (TABLES, ARTIFACTS, REGISTRY):
        monkeypatch.delenv(name)
    expected = _facts(live_home)
    assert len(found) > 5
    for address, facts in expected.items():
        assert found[address] == facts, address


def _facts(home: Path) -> dict[str, Any]:
    """By address the facts of pages of the whole, as of the end; times of writing and places left out."""
    site, answers = client_of(home), {}
    for page in PAGES:
        if "{" not in page.path:
            twin = "/overview.json" if page.path == "/" else f"{page.path}.json"
            answer = site.get(twin, params={"as_of": f"{END:%Y-%m-%dT%H:%M}"})
            assert answer.status_code == 200, (twin, answer.text)
            answers[page.path] = _comparable(json.loads(answer.text.replace(str(home), "home"))["facts"])
    return answers


_OWN = {"mirrored_at", "home", "run_id"}


def _comparable(value: Any) -> Any:
    """Without what is of a home alone; a lake has the table that was asked about, a mirror the one that was written."""
    if isinstance(value, dict):
        kept = {name: _comparable(each) for name, each in value.items() if name not in _OWN}
        return kept if kept.get("partitions", 1) else kept | {"is_there": False, "partitions": None}
    return [_comparable(each) for each in value] if isinstance(value, list) else value
