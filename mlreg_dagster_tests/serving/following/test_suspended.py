"""A suspended alias: no holder of it answers, or the holder before does where the suspension says so."""

import time

import pytest

from mlreg_dagster.registry import AliasSuspended
from mlreg_dagster_tests.registry.builders import register, resume, roll_out, shift, split, suspend
from mlreg_dagster_tests.registry.test_audit import sql_past
from mlreg_dagster_tests.serving.running import LONG, infer_body, running
from mlreg_dagster_tests.waiting import wait_for

WITHIN_S = 2.0
"""Asked where the proofs run in full (MLREG_LONG=1): a machine may be as busy as it likes."""


def previous_of(deployment, version="v1"):
    """What a suspension keeps where the holder before answers meanwhile."""
    move = next(each for each in deployment.registry.history("champion") if each.version == version)
    return {
        "serving": "previous",
        "previous": {
            "version": version,
            "artifact_sha256": move.artifact_sha256,
            "sequence": move.sequence,
            "effective_at": move.effective_at.isoformat(),
        },
    }


@pytest.fixture
def follower(deployment):
    """Of a registry whose champion is v2, after v1."""
    deployment.promote("v1")
    deployment.promote("v2")
    follower = deployment.follow(aliases=["champion", "challenger"])
    follower.look()
    yield follower
    follower.stop()


def test_no_holder_answers_until_it_is_resumed(deployment, follower):
    loaded = follower.get("champion").model
    suspend(deployment.registry)
    follower.look()
    for name in ("champion", "v2"):
        with pytest.raises(AliasSuspended, match=r"suspended since .* by carla: it flags all"):
            follower.get(name)
    assert "champion" not in [each.name for each in follower.names()]
    assert follower.knowledge().ready
    assert follower.knowledge().suspended["champion"].version == "v2"
    resume(deployment.registry)
    follower.look()
    assert follower.get("champion").model is loaded
    assert follower.get("v2").model is loaded
    assert follower.knowledge().suspended == {}


def test_another_alias_answers_on_unless_the_stopped_version_holds_it(deployment, follower):
    deployment.promote("v3", "challenger")
    suspend(deployment.registry)
    follower.look()
    assert follower.get("challenger").model.version == "v3"
    deployment.promote("v2", "challenger")
    follower.look()
    with pytest.raises(AliasSuspended):
        follower.get("challenger")


def test_where_the_suspension_says_so_the_holder_before_answers_and_says_it(deployment, follower):
    suspend(deployment.registry, facts=previous_of(deployment))
    follower.look()
    served = follower.get("champion")
    assert (served.model.version, served.sequence, served.alias) == ("v1", 1, "champion")
    assert (served.suspension.version, served.suspension.actor) == ("v2", "carla")
    with pytest.raises(AliasSuspended):
        follower.get("v2")
    assert [each.model.version for each in follower.names() if each.alias == "champion"] == ["v1"]
    resume(deployment.registry)
    follower.look()
    served = follower.get("champion")
    assert (served.model.version, served.suspension) == ("v2", None)


def test_where_the_holder_before_can_not_be_loaded_nothing_answers(deployment, follower):
    (deployment.bundle("v1") / "model.onnx").write_bytes(b"damaged")
    suspend(deployment.registry, facts=previous_of(deployment))
    follower.look()
    with pytest.raises(AliasSuspended):
        follower.get("champion")


def test_a_version_that_was_stopped_is_no_last_good_one_for_its_successor(deployment, follower):
    suspend(deployment.registry)
    follower.look()
    (deployment.bundle("v1") / "model.onnx").rename(deployment.bundle("v1") / "away")
    deployment.promote("v1")  # a rollback, after which it is resumed
    resume(deployment.registry)
    follower.look()
    with pytest.raises(AliasSuspended):
        follower.get("champion")
    assert follower.knowledge().not_taken["champion"].version == "v1"
    (deployment.bundle("v1") / "away").rename(deployment.bundle("v1") / "model.onnx")
    wait_for(lambda: follower.look() or not follower.knowledge().suspended)
    assert (follower.get("champion").model.version, follower.get("champion").suspension) == ("v1", None)
    assert follower.get("v1").model is follower.get("champion").model


@pytest.mark.parametrize("facts", ["refuse", "previous"])
def test_the_candidate_of_a_rollout_answers_nothing_either(deployment, follower, facts):
    roll_out(deployment.registry, "v3")
    shift(deployment.registry, split("canary_50", 5_000))
    follower.look()
    assert follower.get("champion").rollout.weight == 5_000
    suspend(deployment.registry, facts={"serving": "refuse"} if facts == "refuse" else previous_of(deployment))
    follower.look()
    if facts == "refuse":
        with pytest.raises(AliasSuspended):
            follower.get("champion")
    else:
        assert (follower.get("champion").rollout, follower.get("champion").arm) == (None, None)
    resume(deployment.registry)
    follower.look()
    assert follower.get("champion").rollout.weight == 5_000


def test_an_edit_that_ends_a_suspension_is_not_believed(deployment, follower):
    suspend(deployment.registry)
    follower.look()
    sql_past(deployment.registry)("UPDATE suspensions SET event = 'resumed' WHERE sequence = 1")
    register(deployment.registry, "v9")  # PostgreSQL does not show a write without a record
    follower.look()
    assert "does not fit its audit log" in follower.knowledge().problem
    with pytest.raises(AliasSuspended):
        follower.get("champion")


@pytest.mark.slow
@pytest.mark.parametrize("serving", ["refuse", "previous"])
def test_a_running_server_follows_says_why_and_goes_on_after_the_resumption(deployment, serving):
    deployment.promote("v1")
    deployment.promote("v2")
    facts = {"serving": "refuse"} if serving == "refuse" else previous_of(deployment)
    with running(deployment.home, environment={"MLREG_REGISTRY": deployment.url}) as server:
        names = [each["name"] for each in server.get("/v2/models/champion").json()["inputs"]]
        body = infer_body({name: [0.0] for name in names})

        def ask(path="/v2/models/champion/infer", body=body):
            return server.post(path, json=body)

        def version():
            return ask().json().get("model_version")

        def require_within(began, what):
            print(f"{what} after {time.monotonic() - began:.2f} s")
            assert not LONG or time.monotonic() - began < WITHIN_S

        assert version() == "v2"
        suspend(deployment.registry, facts=facts)
        began = time.monotonic()
        wait_for(lambda: version() != "v2")
        require_within(began, "suspended")
        rows = {"dataframe_split": {"columns": names, "data": [[0.0] * len(names)]}}
        if serving == "refuse":
            for answer in (ask(), ask("/invocations", rows), ask("/v2/models/v2/infer")):
                problem = answer.json()
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                assert answer.headers["content-type"] == "application/problem+json"
                assert (problem["code"], problem["suspension"]["alias"]) == ("suspended", "champion")
                assert (problem["suspension"]["by"], problem["suspension"]["reason"]) == ("carla", "it flags all")
                assert problem["suspension"]["since"] in ("2018-01-01T00:00:00Z",)
                assert "champion is suspended since 2018-01-01 00:00:00 UTC, by carla" in problem["detail"]
        else:
            wait_for(lambda: version() == "v1")
            told = ask().json()
            assert (told["model_version"], told["parameters"]["alias_sequence"]) == ("v1", 1)
            assert (told["parameters"]["suspended"], told["parameters"]["suspension_sequence"]) == ("v2", 1)
            model = ask("/invocations", rows).json()["model"]
            assert (model["version"], model["suspended"]) == ("v1", "v2")
        assert server.is_ready()
        assert server.get("/v2").json()["knowledge"]["suspended"][0]["version"] == "v2"
        resume(deployment.registry)
        began = time.monotonic()
        wait_for(lambda: version() == "v2")
        require_within(began, "resumed")
