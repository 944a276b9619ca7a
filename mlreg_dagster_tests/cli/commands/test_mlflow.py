"""mlreg mlflow."""

import json

import pytest

from mlreg_dagster.core import extras
from mlreg_dagster.integrations.mlflow import client, mirror
from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.integrations.mlflow.conftest import quick_build


@pytest.mark.slow
def test_exit_codes_tell_what_was_changed(on_live, own_home, monkeypatch):
    monkeypatch.setattr(mirror, "build", quick_build)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    first = on_live("mlflow", "sync", "--check")
    assert first.code == 1
    assert "Not mirrored yet: version 3: is not there." in first.out
    assert not (own_home / "mlflow.sqlite").exists()
    assert on_live("mlflow", "sync").code == 0
    again = on_live("mlflow", "sync", "--json")
    assert again.code == 0
    facts = json.loads(again.out)
    assert (facts["versions"], facts["runs"], facts["calls"], facts["foreign"]) == (3, 3, 0, [])
    place = mirror.Place(f"sqlite:///{own_home / 'mlflow.sqlite'}", None, own_home / "x.lock")
    assert facts["place"] == place.uri
    client.open_client(place).set_registered_model_alias("mlreg", "champion", "1")
    said = "Changed in MLflow: registered model mlreg: alias champion is v1 in MLflow, v2 by the registry."
    for arguments in (("--check",), ()):
        answer = on_live("mlflow", "sync", *arguments)
        assert (answer.code, said in answer.out) == (1, True)
    assert on_live("mlflow", "sync", "--check").code == 0


def test_without_the_extra_it_says_what_to_install(on_trained, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    refused(on_trained("mlflow", "sync"), "pip install 'mlreg-dagster[mlflow]'")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("mlruns", "neither a database nor a server"),
        ("databricks", "neither a database nor a server"),
        ("sqlite:///mlflow.sqlite", "by a relative path"),
    ],
)
def test_a_place_that_can_not_be_meant_is_refused(on_trained, monkeypatch, uri, said):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    refused(on_trained("mlflow", "sync"), said)


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_one_sentence_without_a_password(on_trained, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://anna:hidden@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    answer = on_trained("mlflow", "sync")
    refused(answer, "MLflow at http://127.0.0.1:9 does not do what it was asked")
    assert "hidden" not in answer.err
