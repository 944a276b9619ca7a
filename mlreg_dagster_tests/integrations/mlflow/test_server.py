"""The mirror in a real server of MLflow, over HTTP and with a password; `servers` says how to have one."""

import os

import mlflow
import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.integrations.mlflow.errors import MlflowRefused
from mlreg_dagster.integrations.mlflow.place import Place
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster_tests.integrations.mlflow.conftest import copied
from mlreg_dagster_tests.integrations.mlflow.servers import mlflow_server, needs_program
from mlreg_dagster_tests.integrations.mlflow.test_killed import Dying, Killed, whole
from mlreg_dagster_tests.integrations.mlflow.test_sync import evaluate_again

pytestmark = [pytest.mark.slow, needs_program]

PASSWORD = "the-password-of-a-test"
AUTH = """[mlflow]
default_permission = READ
database_uri = sqlite:///auth.sqlite
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = false
auth_cache_ttl_seconds = 600
"""
"""MLflow's own, but that a password is hashed once and not for each request, which takes most of the time."""


@pytest.fixture(scope="module")
def served(live_home, tmp_path_factory):
    """A registry, and a server that asks for a name and a password."""
    folder = tmp_path_factory.mktemp("server")
    options = ("--app-name", "basic-auth", "--artifacts-destination", str(folder / "artifacts"))
    (folder / "auth.ini").write_text(AUTH)
    secrets = {
        "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-a-test",
    }
    world = copied(live_home, folder / "home", mirrored=False)
    with mlflow_server(f"sqlite:///{folder}/server.sqlite", *options, cwd=folder, **secrets) as address:
        world.place = Place(address, None, folder / "mlflow.lock")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
            patch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
            patch.setattr(mlflow.tracking._tracking_service.utils, "_tracking_uri", address)
            assert world.sync().foreign == ()
            yield world


def test_a_second_sync_writes_nothing(served):
    whole(served)
    assert served.look().missing == ()


def test_a_model_that_is_loaded_from_it_scores_without_any_difference(served):
    champion = served.registry.version(served.registry.holder("champion").version)
    model = artifact.load(served.store, champion.version, champion.artifact_sha256)
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(500, len(model.features))), columns=model.features)
    answer = mlflow.pyfunc.load_model("models:/mlreg@champion").predict(rows)
    assert np.abs(answer["score"].to_numpy() - model.score(rows)).max() == 0.0


def test_what_someone_moves_is_reported_and_put_back(served):
    served.client.set_registered_model_alias("mlreg", "champion", "3")
    served.client.log_param(served.run("v1"), "mine", "1")
    look = served.look()
    assert any("alias champion is v3 in MLflow" in each for each in look.foreign)
    assert served.sync().foreign == look.foreign
    whole(served)


def test_a_file_that_someone_changes_is_put_back(served, tmp_path):
    (tmp_path / "model.py").write_text("raise SystemExit")
    served.client.log_artifact(served.run("v2"), str(tmp_path / "model.py"), "model")
    assert served.look().foreign == ("v2: file model.py of its model is not what was uploaded",)
    served.sync()
    whole(served)


def test_a_killed_sync_is_healed(served):
    for after in (2, 4):
        evaluate_again(served)
        served.client.delete_model_version("mlreg", "2")
        with pytest.raises(Killed):
            served.sync(Dying(served.place.uri, after))
        served.sync()
        whole(served)


@pytest.mark.parametrize("user", ["", "http://anna:another-one@"])
def test_another_password_is_refused(served, user, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another-one")
    if user:
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    place = served.place
    monkeypatch.setattr(served, "place", Place(place.uri.replace("http://", user or "http://"), None, place.lock))
    for ask in (served.look, served.sync):
        with pytest.raises(MlflowRefused, match="401") as refused:
            ask()
        assert "another-one" not in str(refused.value)


def test_the_password_may_stand_in_the_address(served, monkeypatch):
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name)
    address = served.place.uri.replace("http://", f"http://admin:{PASSWORD}@")
    monkeypatch.setattr(served, "place", Place(address, None, served.place.lock))
    report = served.sync()
    assert report.calls == 0
    assert PASSWORD not in report.place
    assert os.environ.get("MLFLOW_TRACKING_PASSWORD") is None
