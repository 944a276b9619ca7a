"""The public API: what it answers, that it only reads, and what it says where it can't."""

import doctest
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

import mlreg_dagster
from mlreg_dagster import Client, load_model
from mlreg_dagster.client import NoHome
from mlreg_dagster.client import client as client_module
from mlreg_dagster.client import model as model_module
from mlreg_dagster.client import rows as rows_module
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import NotAnHour
from mlreg_dagster.market.features.provenance import OtherFeatureSettings
from mlreg_dagster.models.artifacts.artifact import FeatureMismatch
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.registry import (
    AliasSuspended,
    Attribution,
    Registry,
    RegistryUnavailable,
    SchemaMismatch,
    UnknownVersion,
)
from mlreg_dagster.registry.errors import RegistryReadOnly
from mlreg_dagster.storage.artifacts import ArtifactTampered
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.reader import UnknownColumns
from mlreg_dagster_tests.lifecycle import DUE_HOURS, LIVE, NOON
from mlreg_dagster_tests.registry.builders import register, suspend

QUEUE = (".lock", ".turn", ".lock.json")  # where readers and writers queue up for the tables


@pytest.fixture
def home(own_home: Path, live_home: Path) -> Path:
    shutil.copytree(live_home, own_home)
    return own_home


@pytest.fixture
def client(home: Path) -> Client:
    return Client(home)


def contents(folder: Path) -> dict[str, str]:
    """Each file but those of the queue, by its hash."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(QUEUE)]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# --- what it answers -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("module", [client_module, model_module, rows_module])
def test_the_examples_are_as_they_say(module):
    found = doctest.testmod(module, extraglobs={"Client": Client})
    assert (found.failed, found.attempted > 3) == (0, True)


def test_a_suspended_alias_is_not_loaded_and_its_version_is_by_its_name(client, home):
    suspend(Registry(f"sqlite:///{home / 'registry.sqlite'}"), time=datetime.now(UTC))
    for load in (client.load_model, lambda name: load_model(name, home=home)):
        with pytest.raises(AliasSuspended, match=r"champion is suspended since .* by carla: it flags all.*'v2'"):
            load("champion")
    assert client.load_model("v2").version == "v2"
    assert client.load_model("champion", as_of=NOON).version == "v2"
    assert client.champion().version == "v2"


def test_it_answers_what_the_registry_and_the_tables_answer(client, home):
    registry, tables = Registry(f"sqlite:///{home / 'registry.sqlite'}"), DuckDBWarehouse(home / "warehouse.duckdb")
    assert client.versions() == registry.versions()
    assert client.version("v2") == client.version("champion") == client.version("latest-1") == registry.version("v2")
    assert client.history() == registry.history("champion")
    for table, found in (
        (PREDICTIONS, client.predictions()),
        (PREDICTION_OUTCOMES, client.outcomes()),
        (MODEL_PERFORMANCE, client.performance()),
    ):
        assert len(found)
        pd.testing.assert_frame_equal(found, tables.read(table))


@pytest.mark.parametrize(
    ("as_of", "version"),
    [
        (None, "v2"),
        ("2026-01-05T00:00", "v1"),
        ("2026-01-05T13:00+02:00", "v1"),
        ("2026-01-05T12:00", "v2"),
        (datetime(2026, 1, 5, 11, 59, tzinfo=UTC), "v1"),
        (LIVE, "v1"),
        ("2026-01-04", None),
    ],
)
def test_the_champion_is_that_of_the_time(client, as_of, version):
    move = client.champion(as_of)
    assert (None if move is None else move.version) == version
    if version:
        assert client.version("champion", as_of).version == client.load_model("champion", as_of).version == version
    else:
        with pytest.raises(UnknownVersion, match="as of"):
            client.load_model("champion", as_of)


def test_moves_of_the_future_do_not_count_yet(client, home):
    with closing(sqlite3.connect(home / "registry.sqlite")) as connection, connection:
        connection.execute("DROP TRIGGER alias_events_no_update")
        connection.execute(
            "UPDATE alias_events SET effective_at = '2999-01-01 00:00:00.000000', "
            "recorded_at = '2999-01-01 00:00:00.000000' WHERE version = 'v2'"
        )
    assert client.champion().version == client.load_model().version == "v1"
    assert [move.version for move in client.history()] == ["v1"]


def test_frames_can_be_cut_by_time_version_and_column(client):
    noon = client.predictions(NOON, NOON.isoformat(), columns=["hour", "score"])
    assert list(noon.columns) == ["hour", "score"]
    assert set(noon["hour"]) == {NOON}
    assert set(client.outcomes(DUE_HOURS[-1], version="v2")["model_version"]) == {"v2"}
    assert client.outcomes(DUE_HOURS[-1], version="v1").empty
    assert len(client.predictions(last=LIVE)) == len(client.predictions(LIVE, LIVE)) == 12
    assert client.performance("2020-01-01", "2020-01-02").empty


def test_a_model_scores_as_it_did_when_it_predicted(client):
    for version in ("v1", "v2"):
        model = load_model(version)
        said = client.predictions(version=version)
        rows = client.features(said["hour"].min(), said["hour"].max()).set_index("instrument_id", append=True)
        scores, flags = model.score(rows), model.flag(rows)
        assert scores.index.equals(rows.index)
        assert scores.to_list() == said["score"].to_list()
        assert (scores.to_numpy() > said["threshold"].to_numpy()).tolist() == said["is_anomaly"].to_list()
        assert flags.to_list() == (scores > model.threshold).to_list()  # by the frozen threshold
        assert model.sha256 == said["artifact_sha256"].iloc[0]
        assert model.threshold == model.manifest["threshold"]
        assert model.score(rows[model.features]).equals(scores)
        assert model.remarks == []


def test_a_model_refuses_rows_that_are_not_its_own(client):
    model = client.load_model("v1")
    rows = client.features(LIVE, LIVE)
    with pytest.raises(FeatureMismatch, match="order differs"):
        model.score(rows[model.features[::-1]])
    with pytest.raises(FeatureMismatch, match="missing"):
        model.flag(rows[model.features[1:]])
    with pytest.raises(OtherFeatureSettings):
        model.score(rows.assign(feature_settings='{"min_window_share": 0.5}'))


# --- that it only reads ----------------------------------------------------------------------------------------


def test_nothing_in_the_home_changes(client, home):
    before = contents(home)
    client.versions(), client.champion(), client.history(), client.predictions(), client.features(), client.load_model()
    assert contents(home) == before


def test_the_registry_can_not_be_written(client):
    by = Attribution("anna", datetime.now(UTC), "a good reason")
    with pytest.raises(RegistryReadOnly, match="opened for reading alone"):
        client.registry.move_alias("champion", "v1", by, expected="v2")
    with pytest.raises(RegistryReadOnly, match="opened for reading alone"):
        client.registry.upgrade()
    with client.registry._database.reading() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (99)")


def test_a_home_that_is_not_there_is_told_and_not_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for make in (lambda: Client(tmp_path / "nowhere"), lambda: Client("nowhere"), Client, load_model):
        with pytest.raises(NoHome, match=r"There is no home in .*make a home: mlreg demo"):
            make()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_home_has_no_registry_and_empty_tables(tmp_path):
    client = Client(tmp_path)
    with pytest.raises(RegistryUnavailable, match=r"There is no registry in .*mlreg demo or mlreg train makes one"):
        client.versions()
    assert list(client.predictions().columns) == list(PREDICTIONS.columns)
    assert client.features(columns=["hour"]).empty
    assert client.outcomes()["hour"].dtype == PREDICTION_OUTCOMES.empty()["hour"].dtype
    (tmp_path / "registry.sqlite").touch()
    with pytest.raises(RegistryUnavailable, match="There is no registry in"):
        client.versions()
    assert [path.name for path in tmp_path.iterdir()] == ["registry.sqlite"]


def test_a_registry_of_an_older_release_is_told_and_not_upgraded(tmp_path):
    file = tmp_path / "registry.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        script = Path(__file__).parent.parent / "registry" / "migrations" / "schema_2.sql"
        connection.executescript(script.read_text(encoding="utf-8"))
    before = contents(tmp_path)
    with pytest.raises(SchemaMismatch, match="has schema 2, this release needs"):
        Client(tmp_path).versions()
    assert contents(tmp_path) == before


# --- where else things are -------------------------------------------------------------------------------------


def test_registry_and_artifacts_may_be_elsewhere(home, tmp_path, monkeypatch):
    elsewhere = home.rename(tmp_path / "else where")
    where = {"registry": f"sqlite:///{elsewhere / 'registry.sqlite'}", "artifacts": str(elsewhere / "artifacts")}
    assert Client(**where).load_model().version == load_model(**where).version == "v2"
    assert Client(**where).predictions().empty
    for name, value in where.items():
        monkeypatch.setenv(f"MLREG_{name.upper()}", value)
    assert Client().load_model().version == "v2"
    assert not home.exists()


@pytest.mark.slow
def test_a_registry_in_postgresql_is_asked_in_transactions_that_only_read(postgres_url):
    with pytest.raises(RegistryUnavailable, match="There is no registry in"):
        Client(registry=postgres_url).versions()
    register(Registry(postgres_url), "v1")
    client = Client(registry=postgres_url)
    assert [version.version for version in client.versions()] == ["v1"]
    assert client.champion() is None
    with client.registry._database.reading() as connection, pytest.raises(sa.exc.InternalError, match="read-only"):
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (99)")


def test_a_password_in_a_url_is_never_shown():
    client = Client(registry="postgresql://reader:s3cret@127.0.0.1:1/none?connect_timeout=1")
    with pytest.raises(MlregError) as caught:
        client.versions()
    assert "s3cret" not in str(caught.value)


def test_answers_wait_for_no_process_that_holds_the_tables(client, home):
    """DuckDB lets no other process read the file meanwhile, and the client asks for no lock."""
    before = client.predictions()
    program = (
        "import sys\n"
        "from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse\n"
        "with DuckDBWarehouse(sys.argv[1]).session():\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(home / "warehouse.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        pd.testing.assert_frame_equal(client.predictions(), before)
        assert not client.features().empty
        assert client.behind() == {}
        assert client.mirror_age() > timedelta(0)
        assert holder.poll() is None
        holder.stdin.close()


# --- errors ----------------------------------------------------------------------------------------------------


def test_what_is_wrong_is_said_in_words(client, home):
    with pytest.raises(UnknownVersion, match="v9 is not registered"):
        client.load_model("v9")
    with pytest.raises(UnknownVersion, match="'shadow' is no version"):
        client.version("shadow")
    with pytest.raises(NotAnHour, match="'yesterday' is not a time"):
        client.champion("yesterday")
    with pytest.raises(UnknownColumns, match=r"predictions in .* lacks the columns"):
        client.predictions(columns=["hour", 'no"ne'])
    manifest = home / "artifacts" / "models" / "v2" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"threshold": ', '"threshold": 1'))
    with pytest.raises(ArtifactTampered, match="is not what was frozen"):
        client.load_model()
    assert client.load_model("v1").version == "v1"


# --- what it takes ---------------------------------------------------------------------------------------------


def test_it_does_not_import_dagster_and_questions_to_the_registry_no_pandas(home):
    program = (
        "import json, sys, mlreg_dagster\n"
        "loaded = [[name for name in ('dagster', 'pandas', 'sqlalchemy') if name in sys.modules]]\n"
        "from mlreg_dagster import Client\n"
        "client = Client(); client.versions(), client.champion(), client.history()\n"
        "loaded.append([name for name in ('dagster', 'pandas', 'sklearn') if name in sys.modules])\n"
        "client.load_model().flag(client.features('2026-01-05', '2026-01-05')), client.performance()\n"
        "loaded.append([name for name in ('dagster',) if name in sys.modules])\n"
        "print(json.dumps(loaded))"
    )
    environment = os.environ | {"MLREG_HOME": str(home)}
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert json.loads(answer.stdout) == [[], [], []]


def test_the_package_exports_what_it_names():
    assert {"Client", "load_model", "build_definitions", "LoadedModel"} <= set(dir(mlreg_dagster))
    assert all(getattr(mlreg_dagster, name) for name in mlreg_dagster.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mlreg_dagster.nothing  # noqa: B018
