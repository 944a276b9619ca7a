"""A running server with keys and narrow limits: who is refused and how, and that no key is written anywhere."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlreg_dagster.serving.app.key_file import add_key, revoke_key
from mlreg_dagster_tests.lifecycle import CONFIGS
from mlreg_dagster_tests.serving.running import copied, infer_body, running
from mlreg_dagster_tests.waiting import wait_for

INFER = "/v2/models/champion/infer"
ROW = infer_body({name: [0.5] for name in CONFIGS["model"]["features"]})
ROWS = json.dumps(infer_body({name: [0.5] * 4000 for name in CONFIGS["model"]["features"]}))


@pytest.fixture(scope="module")
def keys():
    """Every key that the tests of this file made, by name."""
    return {}


@pytest.fixture(scope="module")
def server(live_home, tmp_path_factory, keys):
    home = copied(live_home, tmp_path_factory.mktemp("guarded"))
    for name, scope, rate in (("scores", "score", 1000.0), ("reads", "read", 1000.0), ("slow", "score", 0.001)):
        keys[name] = add_key(home / "serving-keys.json", name, (scope,), rate, 1000 if rate > 1 else 2)
    with running(home, "--access-log", settings={"limits": {"concurrent_requests": 4}}) as found:
        yield found


@pytest.fixture
def ask(server, keys):
    def call(name, path=INFER, **options):
        headers = {"Authorization": f"Bearer {keys.get(name, name)}"} if name else {}
        answer = server.post(path, json=ROW, headers=headers, **options)
        assert answer.status_code == 200 or answer.headers["content-type"] == "application/problem+json"
        return answer

    return call


def test_a_request_without_a_key_and_with_another_is_refused(server, ask):
    for name in (None, "wrong", "mlreg_" + "x" * 43):
        answer = ask(name)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert server.get("/v2").status_code == server.get("/openapi.json").status_code == 401
    assert ask("scores").status_code == 200


def test_health_needs_no_key(server):
    assert [server.get(path).status_code for path in ("/v2/health/live", "/v2/health/ready", "/ping")] == [200] * 3


def test_a_key_that_reads_may_not_score(server, ask, keys):
    answer = ask("reads")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert server.get("/v2", headers={"X-API-Key": keys["reads"]}).status_code == 200


def test_a_key_that_asks_too_often_is_told_when_to_come_again(ask):
    assert [ask("slow").status_code for _ in range(3)] == [200, 200, 429]
    answer = ask("slow")
    assert 500 < int(answer.headers["Retry-After"]) <= 1000  # its next request is due a thousand seconds after its last
    assert ask("scores").status_code == 200


def test_keys_are_added_and_revoked_while_it_runs(server, ask, keys):
    place = server.home / "serving-keys.json"
    keys["new"] = add_key(place, "new", ("score",), 1000.0, 1000)
    wait_for(lambda: ask("new").status_code == 200)
    revoke_key(place, "new")
    wait_for(lambda: ask("new").status_code == 401)
    assert ask("scores").status_code == 200


def test_a_keys_file_that_is_lost_lets_no_one_in_until_it_is_back(server, ask):
    place = server.home / "serving-keys.json"
    content = place.read_bytes()
    place.write_text("{")
    wait_for(lambda: ask("scores").status_code == 503)
    assert ask("scores").json()["code"] == "keys_unreadable"
    assert server.get("/v2/health/ready").status_code == 503
    assert server.get("/v2/health/live").status_code == 200
    place.write_bytes(content)
    wait_for(lambda: ask("scores").status_code == 200)
    assert server.is_ready()


def test_what_is_beyond_the_limit_of_requests_at_once_is_refused(server, keys):
    headers = {"X-API-Key": keys["scores"]}
    answers = []

    def are_too_many():
        with ThreadPoolExecutor(24) as pool:  # not sure to be so many at once where the clients are slower than it is
            answers.extend(pool.map(lambda _: server.post(INFER, content=ROWS, headers=headers), range(48)))
        return any(answer.status_code == 503 for answer in answers)

    wait_for(are_too_many)
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.json()["code"] for answer in refused} == {"overloaded"}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    wait_for(lambda: server.post(INFER, json=ROW, headers=headers).status_code == 200)


def test_a_line_of_the_access_log_holds_nothing_that_a_client_chose(server, keys):
    server.get("/v2/models/secret-name?q=secret-query", headers={"X-API-Key": keys["scores"]})
    text = server.log.read_text()
    assert "/v2/models/{name} 404" in text
    assert "secret" not in text


def test_refusals_are_counted_by_their_reason(server):
    text = server.admin("/metrics").text
    for reason in ("key", "scope", "rate", "concurrency"):
        assert f'mlreg_server_refused_total{{reason="{reason}"}} 0.0' not in text


def test_no_key_is_in_anything_that_was_written(server, keys):
    """The last test of this file: every key was used, refused, revoked."""
    written = [path for path in server.home.rglob("*") if path.is_file()] + [server.output, server.log]
    assert len(keys) == 4
    for path in written:
        content = path.read_bytes()
        assert not [name for name, key in keys.items() if key.encode() in content], path
    text = server.admin("/metrics").text + server.admin("/status").text
    assert not [name for name, key in keys.items() if key in text]
    lines = [line for path in written if path.suffix == ".jsonl" for line in path.read_text().splitlines()]
    clients = {json.loads(line)["client"] for line in lines}
    assert {"scores", "slow", "new"} <= clients
