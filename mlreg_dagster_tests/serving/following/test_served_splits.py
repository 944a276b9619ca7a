"""A real server while a rollout goes through its states: who answers, how it is told, and what breaks."""

import json
import time
from collections import Counter

import pandas as pd
import pytest

from mlreg_dagster import OnlineClient
from mlreg_dagster.governance.rollout.assignment import gets_candidate
from mlreg_dagster.storage.rollout_counts import read_counts
from mlreg_dagster_tests.registry.builders import NOW, move, roll_out, shift, split
from mlreg_dagster_tests.registry.test_audit import sql_past
from mlreg_dagster_tests.serving.following.test_served_moves import (
    CONNECTIONS,
    Load,
    bodies,
    environment,
    expected,
    require_whole_answers,
    rows,
)
from mlreg_dagster_tests.serving.running import infer_body, running
from mlreg_dagster_tests.waiting import wait_for

__all__ = ["environment", "expected", "rows"]
pytestmark = pytest.mark.slow

INFER = "/v2/models/champion/infer"
WEIGHTS = {"canary_5": 500, "canary_25": 2_500, "canary_50": 5_000}
REQUESTS = 150


@pytest.fixture
def rolling(deployment):
    """v1 is champion, and v2 is rolled out against it."""
    deployment.promote("v1")
    roll_out(deployment.registry, "v2")
    return deployment


@pytest.fixture
def body(deployment, rows):
    return json.loads(bodies(deployment, rows)[1])


@pytest.fixture
def in_file(deployment):
    """Of the two databases one is enough for what a server does with what it has read."""
    if not deployment.url.startswith("sqlite"):
        pytest.skip("the same with any registry")


def arm_of(server, body, **headers):
    """Which version answers, and by which change."""
    answer = server.post(INFER, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    told = answer.json()["parameters"]
    return told.get("arm"), told.get("traffic_sequence"), answer.json()["model_version"]


def follow(server, deployment, to):
    """Make a change, and wait until the server follows it."""
    sequence = shift(deployment.registry, to).sequence
    wait_for(lambda: rollout_of(server).get("traffic_sequence") == sequence)
    return sequence


def rollout_of(server):
    (champion,) = (each for each in server.get("/v2").json()["models"] if each["name"] == "champion")
    return champion.get("rollout", {})


def logged(home):
    """Lines of the prediction log."""
    return [json.loads(line) for file in (home / "served").rglob("*/*.jsonl") if "rollout" not in file.parts
            for line in file.read_text().splitlines()]  # fmt: skip


@pytest.mark.usefixtures("in_file")
def test_requests_are_split_by_weight_and_all_that_is_kept_says_so(rolling, body, environment):
    configs = {"rollout": {"flush_seconds": 0.2}}
    with running(rolling.home, environment=environment, configs=configs) as server:
        answered = Counter()
        for state, weight in WEIGHTS.items():
            sequence = follow(server, rolling, split(state, weight))
            keys = [f"request-{number}" for number in range(REQUESTS)]  # with random ones the share would be, too
            arms = Counter(arm_of(server, body, **{"X-Request-Id": key}) for key in keys)
            candidates = sum(gets_candidate("s1", key, weight) for key in keys)
            assert arms == {
                ("champion", sequence, "v1"): REQUESTS - candidates,
                ("candidate", sequence, "v2"): candidates,
            }
            answered += arms
        told = rollout_of(server)
        assert (told["state"], told["weight"], told["candidate"], told["rollout"]) == ("canary_50", 5_000, "v2", 1)
        status = server.admin("/status").json()["served"]
        assert [each["rollout"] for each in status if each["name"] == "champion"] == [told]
        described = server.get("/v2/models/champion").json()
        assert (described["versions"], described["properties"]["candidate_weight"]) == (["v1"], "5000")
        text = server.admin("/metrics").text
        route = 'method="POST",role="{}",route="/v2/models/{{name}}/infer",status="200",version="{}"'
        for arm, version in (("champion", "v1"), ("candidate", "v2")):
            number = sum(count for (each, *_), count in answered.items() if each == arm)
            assert f"mlreg_server_requests_total{{{route.format(arm, version)}}} {float(number)}" in text
        assert 'mlreg_server_candidate_weight_ratio{alias="champion",version="v2"} 0.5' in text
        assert f'mlreg_server_traffic_sequence{{alias="champion"}} {float(sequence)}' in text
        assert server.stop() == 0
    assert Counter((each["arm"], each["traffic_sequence"], each["model_version"]) for each in logged(rolling.home)) == (
        answered
    )
    counted = Counter()
    for period in read_counts(rolling.home, "champion", 1).periods:
        for arm, version in (("champion", "v1"), ("candidate", "v2")):
            counted[arm, period.sequence, version] += getattr(period, arm).requests
    assert +counted == answered


@pytest.mark.usefixtures("in_file")
def test_a_key_stays_with_its_version_until_the_weight_takes_it_over_for_good(rolling, rows, environment):
    names = list(json.loads(bodies(rolling, rows)[1])["inputs"])
    columns = {each["name"]: each["data"] for each in names}
    keys = [f"client {number}" for number in range(24)]

    def about(instrument):
        texts = {"name": "instrument_id", "shape": [1], "datatype": "BYTES", "data": [instrument]}
        found = infer_body(columns)
        return found | {"inputs": [*found["inputs"], texts]}

    with running(rolling.home, environment=environment) as server:
        seen = []
        for state, weight in WEIGHTS.items():
            sequence = follow(server, rolling, split(state, weight))
            by_header = [arm_of(server, about("bitcoin"), **{"X-Routing-Key": key})[0] for key in keys]
            by_instrument = [arm_of(server, about(key))[0] for key in keys]
            assert by_instrument == by_header, "the header comes first, and the same key gets the same version"
            assert by_header == ["candidate" if gets_candidate("s1", key, weight) else "champion" for key in keys]
            of_mlflow = [
                server.post(
                    "/invocations",
                    json={"dataframe_records": [{"instrument_id": key} | {n: v[0] for n, v in columns.items()}]},
                ).json()["model"]["arm"]
                for key in keys[:4]
            ]
            assert of_mlflow == by_header[:4]
            by_client = OnlineClient(server.url).score(pd.DataFrame(columns), routing_key=keys[0])
            assert (by_client.arm, by_client.traffic_sequence) == (by_header[0], sequence)
            seen.append(by_header)
        for arms in zip(*seen, strict=True):
            assert list(arms) == sorted(arms, reverse=True), "from champion to candidate, never back"
        pinned = server.post("/v2/models/champion/versions/v1/infer", json=infer_body(columns)).json()
        assert pinned["model_version"] == "v1"
        assert "arm" not in pinned["parameters"]
        for hostile in (b"", b"x" * 201, b"\xff\xfe", "\u00e9".encode(), b"a\tb"):
            answer = server.post(INFER, json=infer_body(columns), headers={"X-Routing-Key": hostile})
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        require_last_good_split(server, rolling, infer_body(columns))


def require_last_good_split(server, rolling, body):
    """A row of traffic that was edited is told, and requests go on as before."""

    def problem():
        return server.get("/v2").json()["knowledge"]["problem"]

    sequence, weight = rollout_of(server)["traffic_sequence"], rollout_of(server)["weight"]
    sql_past(rolling.registry)(f"UPDATE traffic_events SET weight = 10000 WHERE sequence = {sequence}")
    wait_for(lambda: f"traffic_events {sequence}" in (problem() or ""))
    for number in range(100):
        arm = "candidate" if gets_candidate("s1", str(number), weight) else "champion"
        assert arm_of(server, body, **{"X-Routing-Key": str(number)})[:2] == (arm, sequence)
    assert server.is_ready()
    sql_past(rolling.registry)(f"UPDATE traffic_events SET weight = {weight} WHERE sequence = {sequence}")
    wait_for(lambda: problem() is None)


@pytest.mark.usefixtures("in_file")
def test_weights_change_under_load_and_no_answer_is_of_two_changes(rolling, rows, expected, environment):
    """Each answer is by the version that its own change gives its own key, bit for bit, and none is late or fails."""
    hashes = {each.version: each.artifact_sha256 for each in rolling.registry.versions()}
    states = [split("shadow", 0), *(split(*each) for each in WEIGHTS.items()), split("full", 10_000)]
    weights, moved = {1: 0}, {1: 0.0}
    with (
        running(rolling.home, environment=environment) as server,
        Load(server.address, bodies(rolling, rows)) as load_,
    ):
        wait_for(lambda: len(load_.seen) > CONNECTIONS)
        for to in states:
            sequence = shift(rolling.registry, to).sequence
            weights[sequence], moved[sequence] = to.weight, time.monotonic()
            wait_for(lambda: load_.seen[-1].change == sequence)  # noqa: B023 - called at once
            time.sleep(0.1)
        moved_by_hand = time.monotonic()
        move(rolling.registry, "v3", "v2", NOW)
        wait_for(lambda: load_.seen[-1].version == "v3")
    assert not load_.failed, load_.failed[:3]
    require_whole_answers(load_.seen, expected, hashes)
    late = []
    for each in load_.seen:
        found = (each.sequence, each.change, each.arm, each.version)
        if each.change is None:
            assert found == (3, None, None, "v3")
            continue
        has_all = weights[each.change] == 10_000
        arm = "candidate" if gets_candidate("s1", each.key, weights[each.change]) else "champion"
        assert found == (2 if has_all else 1, each.change, arm, "v2" if arm == "candidate" else "v1")
        late.append(each.asked_at - moved.get(each.change + 1, moved_by_hand))
    assert {each.change for each in load_.seen} == {*weights, None}
    print(f"{len(load_.seen)} answers; followed after at most {max(late):.2f} s")
