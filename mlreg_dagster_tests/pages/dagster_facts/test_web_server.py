"""A web server that does not answer, or answers something else, is said, and soon."""

import json
import threading
import time
from http.server import ThreadingHTTPServer

import pytest

from mlreg_dagster.pages.dagster_facts import finding
from mlreg_dagster.pages.dagster_facts.facts import Partitions
from mlreg_dagster.pages.dagster_facts.finding import dagster_facts
from mlreg_dagster_tests.answering import Answering


@pytest.fixture
def answering():
    """The URL of a web server that gives always the same answer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # who asked has gone
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(text, delay_s=0.0):
        Answering.gives(text, delay_s=delay_s)
        return f"http://127.0.0.1:{server.server_port}"

    yield answer
    server.shutdown()
    server.server_close()


def everything(facts):
    return [
        facts.assets(),
        facts.materializations("predictions", run_id="r"),
        facts.pictured("predictions"),
        facts.pictures("predictions"),
        facts.checks("predictions"),
        facts.partitions("predictions"),
    ]


NOTHING = [(), [], [], [], [], Partitions()]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<html>", "no Dagster web server"),
        (json.dumps({"errors": [{"message": "no such field"}]}), "no such field"),
        (json.dumps({"data": {"other": 1}}), "in another form"),
        (json.dumps({"data": {"assetsOrError": 3, "assetOrError": [], "assetNodeOrError": "x"}}), "in another form"),
    ],
)
def test_another_answer_is_said(tmp_path, answering, text, why):
    facts = dagster_facts(tmp_path, answering(text))
    assert everything(facts) == NOTHING
    assert why in facts.why


def test_silence_is_said_and_bounded(tmp_path, answering, monkeypatch):
    monkeypatch.setattr(finding, "_WAIT_S", 0.2)
    finding._client.cache_clear()
    began = time.monotonic()
    facts = dagster_facts(tmp_path, answering("{}", delay_s=2))
    assert facts.pictures("predictions") == []
    assert time.monotonic() - began < 1.5
    assert facts.why.startswith("Dagster does not answer.")


def test_nobody_answers(tmp_path):
    facts = dagster_facts(tmp_path, "http://127.0.0.1:1")
    assert everything(facts) == NOTHING
    assert "http://127.0.0.1:1 does not answer" in facts.why


def test_how_far_it_looked_for_pictures_is_said(tmp_path, answering):
    events = [
        {"partition": f"v{number}", "runId": "r", "timestamp": "0", "metadataEntries": []} for number in range(200)
    ]
    text = json.dumps({"data": {"assetOrError": {"assetMaterializations": events}}})
    facts = dagster_facts(tmp_path, answering(text))
    assert facts.pictures("predictions") == []
    assert facts.why == "Pictures were looked for among the newest 200 materializations alone."
