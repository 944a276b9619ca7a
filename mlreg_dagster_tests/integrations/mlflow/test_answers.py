"""A server that is down, slow, refuses or is no MLflow: a sentence for each, without a password."""

import json
import re

import pytest

from mlreg_dagster.integrations.mlflow.client import open_client, read
from mlreg_dagster.integrations.mlflow.errors import MlflowRefused, in_words
from mlreg_dagster.integrations.mlflow.place import Place
from mlreg_dagster_tests.integrations.mlflow.servers import answering
from mlreg_dagster_tests.ports import free_port

EXPERIMENT = {"experiment": {"experiment_id": "1", "name": "mlreg"}}
ANSWERS = {
    "it knows nobody": (401, "You are not authenticated.", "401"),
    "it forbids": (403, {"error_code": "PERMISSION_DENIED", "message": "Permission denied"}, "Permission denied. What"),
    "it is broken": (500, "<html>\nboom\n</html>", "too many 500 error responses"),
    "it is overloaded": (503, "", "too many 503 error responses"),
    "it leads elsewhere": (302, "", "302"),
    "it is a page": (200, "<html>hello</html>", "not in a valid JSON format"),
    "it is nothing": (200, "", "names no id of the experiment"),
    "it is something else": (200, {"status": "ok"}, "names no id of the experiment"),
    "a number stands where an experiment belongs": (200, {"experiment": 5}, "Failed to parse"),
    "a version has no number": (200, {**EXPERIMENT, "model_versions": [{"version": "x"}]}, "has the number 'x'"),
}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def said(address, tmp_path):
    place = Place(address, None, tmp_path / "mlflow.lock")
    with pytest.raises(MlflowRefused) as refused, in_words(place):
        read(open_client(place))
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_of_no_use_is_said(answer, tmp_path):
    code, body, expected = ANSWERS[answer]
    with answering(code, (body if isinstance(body, str) else json.dumps(body)).encode()) as server:
        sentence = said(f"http://127.0.0.1:{server.server_port}", tmp_path)
    assert expected in sentence
    assert ".." not in sentence


@pytest.mark.parametrize("password", ["a-long-one", "abc", "p%40ss"])
@pytest.mark.parametrize("ending", ["", "/"])
def test_no_password_is_said(password, ending, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "of-the-environment")
    sentence = said(f"http://anna:{password}@127.0.0.1:{free_port()}{ending}", tmp_path)
    assert "Connection refused" in sentence
    assert password not in sentence
    assert "anna" not in sentence
    with answering(401, f"{password} and of-the-environment".encode()) as server:
        sentence = said(f"http://anna:a-long-one@127.0.0.1:{server.server_port}{ending}", tmp_path)
    assert not re.search("a-long-one|of-the-environment", sentence)


def test_a_server_that_does_not_answer_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with answering(wait_s=1.5) as server:
        assert "Read timed out" in said(f"http://127.0.0.1:{server.server_port}", tmp_path)


def test_how_long_it_is_waited_for_is_bounded(tmp_path, monkeypatch):
    """Three times thirty seconds, and a few between them; MLflow's own patience is a quarter of an hour."""
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES as RETRIES
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_TIMEOUT as TIMEOUT

    for variable in (RETRIES, TIMEOUT):
        monkeypatch.delenv(variable.name, raising=False)
    open_client(Place("http://127.0.0.1:1", None, tmp_path / "mlflow.lock"))
    assert (1 + RETRIES.get()) * TIMEOUT.get() <= 100
