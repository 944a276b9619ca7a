"""Our own client: scores as frames, errors in words, and nothing asked twice that may have been answered."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster import Client, OnlineClient
from mlreg_dagster.client.online import ServerRefused, ServerUnavailable
from mlreg_dagster.core.untrusted.redaction import UnusableSecret
from mlreg_dagster.serving.app.key_file import add_key, revoke_key
from mlreg_dagster_tests.ports import free_port
from mlreg_dagster_tests.serving.running import Server, copied, running
from mlreg_dagster_tests.waiting import wait_for

STALE_AT_ONCE = {"warn_after_hours": 1.0, "refuse_after_hours": 86_400.0}


def frame_of(sample) -> pd.DataFrame:
    frame = pd.DataFrame(sample.columns)[sample.features]
    return frame.set_axis([f"row {number}" for number in range(len(frame))])


@pytest.mark.parametrize("routing_key", ["", "a\nX-API-Key: other", "x" * 201, "\u2603"], ids=ascii)
def test_a_routing_key_of_another_form_is_not_sent(routing_key):
    with pytest.raises(ServerRefused, match="The header X-Routing-Key is no key"):
        OnlineClient("http://127.0.0.1:1").score(["bitcoin"], routing_key=routing_key)


def test_a_frame_gets_the_scores_of_the_pipeline(server, sample):
    frame = frame_of(sample)
    answer = OnlineClient(server.url).score(frame, sample.model, request_id="mine")
    sample.assert_equal(answer.rows["score"].to_numpy())
    assert answer.rows.index.equals(frame.index)
    assert (answer.rows["is_anomaly"] == (answer.rows["score"] > answer.threshold)).all()
    assert (answer.rows["distance"] == answer.rows["score"] - answer.threshold).all()
    assert answer.rows["training_quantile"].between(0, 1).all() or answer.rows["training_quantile"].isna().all()
    version = Client(server.home).version(sample.model)
    assert (answer.version, answer.artifact_sha256) == (version.version, version.artifact_sha256)
    assert answer.request_id == "mine"
    assert answer.knowledge_age_seconds < 60


def test_an_answer_names_the_alias_event_and_reasons_where_they_are_asked_for(server):
    client = Client(server.home)
    rows = client.features("2026-01-05T00:00", "2026-01-05T00:00")
    answer = client.score_online(rows, url=server.url, reasons=True)
    assert (answer.alias, answer.alias_sequence) == ("champion", client.champion().sequence)
    assert answer.rows["reasons"].map(lambda reasons: reasons[-1]["family"]).eq("remainder").all()


def test_rows_of_market_features_are_sent_as_they_are(server):
    client = Client(server.home)
    rows = client.features("2026-01-05T12:00", "2026-01-05T13:00")
    answer = client.score_online(rows, url=server.url)
    said = client.predictions("2026-01-05T12:00", "2026-01-05T13:00", version=answer.version)
    np.testing.assert_allclose(answer.rows["score"], said["score"], rtol=1e-12)


@pytest.fixture(scope="module")
def guarded(live_home, tmp_path_factory) -> Iterator[tuple[Server, str]]:
    """A server that asks for keys and takes hours of any age, and a key."""
    home = copied(live_home, tmp_path_factory.mktemp("guarded"))
    key = add_key(home / "serving-keys.json", "tester", ("score", "read"), 100.0, 200)
    with running(home, settings=STALE_AT_ONCE) as found:
        yield found, key


def test_instruments_are_scored_by_the_newest_hour(guarded):
    server, key = guarded
    client = Client(server.home)
    newest = client.features(columns=["hour", "instrument_id"])["hour"].max()
    rows = client.features(newest, newest)
    names = list(rows["instrument_id"])[::-1]
    answer = OnlineClient(server.url, key).score(names)
    assert list(answer.rows.index) == names
    assert answer.stale
    expected = client.load_model().score(rows).set_axis(rows["instrument_id"])
    np.testing.assert_allclose(answer.rows["score"], expected[names], rtol=1e-12)
    with pytest.raises(ServerRefused, match=r"HTTP 404: .* has no row of nix") as refused:
        OnlineClient(server.url, key).score(["nix"])
    assert (refused.value.status, refused.value.code) == (404, "unknown_instrument")


def test_the_newest_hour_is_refused_beyond_its_age(server):
    names = Client(server.home).features("2026-01-06T23:00")["instrument_id"]
    with pytest.raises(ServerRefused, match="HTTP 503: The newest hour of features is 2026-01-06-23:00") as refused:
        OnlineClient(server.url).score(list(names))
    assert refused.value.code == "stale_hour"


def test_keys_come_from_an_argument_or_the_environment_and_are_never_shown(guarded, monkeypatch):
    server, key = guarded
    names = Client(server.home).features(columns=["instrument_id"])["instrument_id"].unique()[:1]
    for wrong in (None, "wrong-key-of-mine"):
        with pytest.raises(ServerRefused, match="HTTP 401") as refused:
            OnlineClient(server.url, wrong).score(names)
        assert "wrong-key" not in str(refused.value)
    monkeypatch.setenv("MLREG_SERVING_KEY", key)
    client = OnlineClient(server.url)
    assert len(client.score(names).rows) == 1
    assert key not in repr(client) + repr(vars(client)["url"])
    monkeypatch.setenv("MLREG_SERVING_KEY", f"{key}\n")
    with pytest.raises(UnusableSecret, match="MLREG_SERVING_KEY holds no usable API key"):
        OnlineClient(server.url)


def test_a_revoked_key_is_refused(guarded):
    server, _ = guarded
    key = add_key(server.home / "serving-keys.json", "other", ("score", "read"), 100.0, 200)
    client = OnlineClient(server.url, key)
    wait_for(lambda: _is_admitted(client))
    revoke_key(server.home / "serving-keys.json", "other")
    wait_for(lambda: not _is_admitted(client))


def _is_admitted(client: OnlineClient) -> bool:
    try:
        return bool(client.features())
    except ServerRefused:
        return False


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pd.DataFrame({"change_1h_pct": [1.0]}), "HTTP 400: .* lacks features of the model"),
        (pd.DataFrame({"change_1h_pct": ["high"]}), "column change_1h_pct holds something else than numbers"),
        (pd.DataFrame({"change_1h_pct": [np.inf]}), "column change_1h_pct has infinite values"),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), "Two columns of the rows have one name"),
        ("bitcoin", r"Send a list of instruments: \['bitcoin'\]"),
        ([], "HTTP 400"),
    ],
)
def test_rows_that_can_not_be_scored_are_refused_in_words(server, rows, message):
    with pytest.raises(ServerRefused, match=message):
        OnlineClient(server.url).score(rows)


def test_unknown_models_are_refused_in_words(server):
    for name in ("v99", "../../v1", "né"):
        with pytest.raises(ServerRefused, match="HTTP 404"):
            OnlineClient(server.url).score(["bitcoin"], name)


# --- servers that misbehave -----------------------------------------------------------------------------------


ANSWER = {
    "model_name": "champion",
    "model_version": "v7",
    "parameters": {
        "artifact_sha256": "0" * 64, "threshold": 1.0, "threshold_policy": "frozen", "threshold_source": "training",
        "answer_id": "1", "knowledge_age_seconds": 0.1,
    },
    "outputs": [
        {"name": "score", "data": [2.0]}, {"name": "is_anomaly", "data": [True]}, {"name": "distance", "data": [1.0]},
    ],
}  # fmt: skip
WHOLE = json.dumps(ANSWER).encode()


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers, one a request, and the requests that it got."""
    left, asked = list(answers), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, headers, body = left.pop(0)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


AT_ONCE = {"Retry-After": "0"}


def test_what_was_certainly_not_answered_is_asked_again():
    with answering((503, AT_ONCE, b"busy"), (429, AT_ONCE, b"{}"), (200, {}, WHOLE)) as (url, asked):
        answer = OnlineClient(url).score(["bitcoin"])
    assert (answer.version, answer.rows["score"].tolist(), answer.alias, answer.stale) == ("v7", [2.0], None, False)
    assert len(asked) == 3
    assert len(set(asked)) == 1


def test_it_gives_up_after_some_attempts_and_says_why():
    with answering(*[(503, AT_ONCE, b'{"code": "overloaded", "detail": "Too busy."}')] * 4) as (url, asked):
        client = OnlineClient(url)
        with pytest.raises(ServerUnavailable, match=r"HTTP 503: Too busy\. Gave up after 4 attempts"):
            client.score(["bitcoin"])
    assert len(asked) == 4


def test_a_long_wait_is_left_to_the_caller():
    with answering((429, {"Retry-After": "3600"}, b"{}")) as (url, asked):
        client = OnlineClient(url)
        with pytest.raises(ServerUnavailable, match="asks to wait 3600 s"):
            client.score(["bitcoin"])
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((0, {}, b""), ServerUnavailable, "gave no whole answer"),
        ((200, {"Content-Length": "1000"}, WHOLE[:50]), ServerUnavailable, "gave no whole answer"),
        ((500, {}, b"defect"), ServerRefused, "HTTP 500: defect"),
        ((200, {}, b"<html>"), ServerRefused, "Is it the port of mlreg serve"),
        ((200, {}, b"{}"), ServerRefused, "Is it the port of mlreg serve"),
        ((200, {}, b"[]"), ServerRefused, "Is it the port of mlreg serve"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), ServerRefused, "HTTP 302"),
    ],
)
def test_what_may_have_been_answered_is_asked_once(answer, error, message):
    with answering(answer) as (url, asked):
        client = OnlineClient(url)
        with pytest.raises(error, match=message):
            client.score(["bitcoin"])
    assert len(asked) == 1


def test_a_server_that_never_ends_its_answer_is_left_in_time():
    with answering((200, {"Content-Length": "100"}, b"{")) as (url, _):
        client = OnlineClient(url, timeout_s=0.5)
        with pytest.raises(ServerUnavailable, match="no whole answer"):
            client.score(["bitcoin"])


def test_no_server_at_all():
    with pytest.raises(ServerUnavailable, match=r"can't be reached: .* Gave up after 2 attempts"):
        OnlineClient(f"http://127.0.0.1:{free_port()}", attempts=2).score(["bitcoin"])


@pytest.mark.parametrize("url", ["nowhere", "ftp://host", "http://user:topsecret@host:port", ""])
def test_addresses_that_are_none_are_refused_without_their_secrets(url):
    with pytest.raises(ServerRefused, match="is no address of a server") as refused:
        OnlineClient(url)
    assert "topsecret" not in str(refused.value)
