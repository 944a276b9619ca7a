import json
import sys
import threading
from http.server import HTTPServer

import pytest

from mlreg_dagster import cli
from mlreg_dagster.verification.client import Client, NoAnswer, NotOurLocation, QueryFailed
from mlreg_dagster_tests.answering import Answering


@pytest.fixture
def answering():
    """A web server that always gives the same answer; returns a client of it."""
    server = HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(text, status=200):
        Answering.gives(text, status)
        return Client(f"http://127.0.0.1:{server.server_port}/")

    yield answer
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "127.0.0.1:3000", "http://", "nonsense"])
def test_nobody_answers(url):
    with pytest.raises(NoAnswer, match="does not answer"):
        Client(url).location()


@pytest.mark.parametrize(("text", "status"), [("<html>", 200), ("Not Found", 404), ("", 500)])
def test_somebody_else_answers(answering, text, status):
    with pytest.raises(NoAnswer, match=f"HTTP {status} and no JSON"):
        answering(text, status).location()


@pytest.mark.parametrize(
    "text",
    [
        '{"errors": [{"message": "no such field"}]}',
        '{"data": null}',
        "[]",
        '{"data": {"workspaceOrError": {"message": "x"}}}',
    ],
)
def test_the_query_fails(answering, text):
    with pytest.raises(QueryFailed):
        answering(text).location()


def workspace(location):
    entry = {"name": "theirs", "locationOrLoadError": location}
    return json.dumps({"data": {"workspaceOrError": {"locationEntries": [entry]}}})


def test_another_project_is_served(answering):
    repository = {"name": "r", "assetNodes": [], "jobs": [], "schedules": [], "sensors": []}
    with pytest.raises(NotOurLocation, match="it serves: theirs"):
        answering(workspace({"repositories": [repository]})).location()


@pytest.mark.parametrize(
    ("location", "error"), [({"message": "No module."}, "No module."), (None, "It is still loading.")]
)
def test_a_location_does_not_load(answering, location, error):
    assert answering(workspace(location)).location().error == error


def test_mlreg_verify_says_that_nobody_answers(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mlreg", "verify", "--url", "http://127.0.0.1:1"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert "http://127.0.0.1:1 does not answer" in capsys.readouterr().err
