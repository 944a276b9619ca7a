"""Rollouts as sensor and job move them, on a market without a server: forward, back, and not at all."""

import shutil

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.automation.common import ACTOR
from mlreg_dagster.core import names
from mlreg_dagster.governance.rollout.request import RolloutAction
from mlreg_dagster.runner import RunFailed
from mlreg_dagster_tests.lifecycle import CONFIGS as LIFECYCLE
from mlreg_dagster_tests.location import Location
from mlreg_dagster_tests.registry.builders import roll_out, shift, split

pytestmark = pytest.mark.slow

QUICK = {
    "steps": ["shadow", "canary_50"],
    "dwell_hours": 0,
    "watch_hours": 0,
    "min_requests": 0,
    "min_pairs": 0,
    "require_not_worse": False,
}
NOW = "2026-01-05T00:30"


def open_location(folder, now=NOW, automatic="never", freezes=(), **policy) -> Location:
    promotion = {"automatic": automatic, "low": {"rollout": QUICK | policy}, "freezes": list(freezes)}
    return Location(folder, now, {"promotion": promotion, "evaluation": LIFECYCLE["evaluation"]})


@pytest.fixture(scope="module")
def with_champion(trained_home, tmp_path_factory):
    """v1 is champion, v2 has passed its gates."""
    folder = tmp_path_factory.mktemp("rollouts")
    shutil.copytree(trained_home, folder / "home")
    open_location(folder).world.promote("v1")
    return folder


@pytest.fixture
def rollouts(with_champion, tmp_path):
    """A copy of that; the same one with another policy or clock."""

    def make(*now: str, **policy) -> Location:
        if not (tmp_path / "rollouts").exists():
            shutil.copytree(with_champion, tmp_path / "rollouts")
        return open_location(tmp_path / "rollouts", *now, **policy)

    return make


def act(location, action="start", actor="anna", **more):
    version = {"version": "v2"} if action == "start" else {}
    request = RolloutAction(action, actor, **{"reason": "better on the holdout", **version, **more})
    location.world.run(jobs.ROLLOUT, request.run_config)


def reject(location):
    rejection = {"version": "v2", "reason": "odd flags"}
    location.world.run(names.REJECT, {"ops": {"record_rejection": {"config": rejection}}})


def changes(location):
    return [(each.state, each.ruling) for each in location.world.registry.traffic_history("champion")]


def holders(location):
    return {alias: move.version for alias, move in location.world.registry.aliases().items()}


def told(location):
    return location.ask("alert_sensor").skip_message


def test_a_harmless_version_reaches_the_end_without_a_hand(rollouts):
    location = rollouts()
    act(location)
    for _ in range(4):
        assert location.tick("rollout_sensor") == ["rollout None"]
    assert changes(location) == [
        ("staging", "open"),
        ("shadow", "advance"),
        ("canary_50", "advance"),
        ("full", "advance"),
        ("closed", "advance"),
    ]
    assert location.tick("rollout_sensor") == []
    assert location.ask("rollout_sensor").skip_message == "No rollout is open."
    assert holders(location) == {"champion": "v2", "challenger": "v1"}
    history = location.world.registry.traffic_history("champion")
    assert [each.actor for each in history] == ["anna", *[ACTOR] * 4]
    assert [each.weight for each in history] == [0, 0, 5_000, 10_000, 10_000]
    assert location.failed_runs() == []
    assert location.world.registry.find_tampering() is None
    _is_shown(location)


def _is_shown(location):
    """On the champion's asset and in the list of runs."""
    key = dg.AssetKey("champion_model")
    seen = [each.asset_observation for each in location.instance.fetch_observations(key, limit=10).records]
    assert [each.metadata["state"].value for each in seen] == ["closed", "full", "canary_50", "shadow", "staging"]
    assert seen[2].description.startswith("v2 is rolled out in place of v1: canary 50, 50 % of the traffic of champion")
    assert seen[1].metadata["facts"].value["decision"]["row"] == 11
    made = [each.asset_materialization for each in location.instance.fetch_materializations(key, limit=10).records]
    moved = [(each.metadata["moved"].value, each.metadata["champion"].value) for each in made]
    assert moved == [
        ("challenger: v2 → v1", "v2"),
        ("champion: v1 → v2", "v2"),
        ("challenger: nobody → v2", "v1"),
        ("champion: nobody → v1", "v1"),
    ]
    (opened,) = location.instance.get_runs(dg.RunsFilter(tags={"mlreg/rollout": "start"}))
    assert {opened.tags[f"mlreg/{name}"] for name in ("version", "alias", "actor")} == {"v2", "champion", "anna"}


def test_the_same_decision_is_requested_once(rollouts):
    location = rollouts()
    act(location)
    first, second = (location.ask("rollout_sensor").run_requests[0] for _ in range(2))
    assert first.run_key == second.run_key
    assert location.start(first, jobs.ROLLOUT) == "rollout None"
    assert location.ask("rollout_sensor").run_requests[0].run_key != first.run_key
    assert location.start(second, jobs.ROLLOUT) == "rollout None"  # as another daemon might: nothing moves
    assert changes(location) == [("staging", "open"), ("shadow", "advance")]


def test_a_step_that_failed_is_requested_again_after_a_pause(rollouts, later):
    location = rollouts()
    act(location)
    location.world.run(
        names.REJECT, {"ops": {"record_rejection": {"config": {"version": "v2", "reason": "odd flags"}}}}
    )
    (request,) = location.ask("rollout_sensor").run_requests
    location.world.tamper("v1")  # which does not matter before the alias has moved
    broken = request.run_config | {"ops": {"traffic": {"config": {"action": "nothing", "actor": ACTOR}}}}
    failing = dg.RunRequest(request.run_key, run_config=broken, tags=request.tags)
    assert location.start(failing, jobs.ROLLOUT) == "rollout None failed"
    assert "did not do it; it is asked for again at" in location.ask("rollout_sensor").skip_message
    assert "run_failed of rollout firing" in told(location)
    later(minutes=11)
    assert location.tick("rollout_sensor") == ["rollout None"]
    assert changes(location)[-1] == ("rolled_back", "roll_back")
    assert "run_failed of rollout resolved" in told(location)


def test_a_person_ends_it_from_any_state(rollouts):
    location = rollouts(steps=["canary_50"])
    act(location)
    for _ in range(2):
        location.tick("rollout_sensor")
    assert holders(location)["champion"] == "v2"
    act(location, "abort", reason="customers complain")
    assert changes(location)[-1] == ("rolled_back", "abort")
    assert holders(location)["champion"] == "v1"
    assert location.tick("rollout_sensor") == []


def test_a_paused_rollout_stays_where_it_is(rollouts):
    location = rollouts()
    act(location)
    act(location, "pause", reason="a holiday")
    assert location.tick("rollout_sensor") == []
    assert "paused" in location.ask("rollout_sensor").skip_message
    act(location, "resume", reason="back at work")
    assert location.tick("rollout_sensor") == ["rollout None"]
    assert [state for state, _ in changes(location)] == ["staging", "staging", "staging", "shadow"]


def test_a_candidate_that_is_rejected_goes_back_and_that_is_an_alert_once(rollouts):
    location = rollouts()
    act(location)
    location.tick("rollout_sensor")
    assert "rollout" not in told(location)
    reject(location)
    assert location.tick("rollout_sensor") == ["rollout None"]
    back = location.world.registry.traffic("champion")
    assert (back.state, back.ruling, back.actor) == ("rolled_back", "roll_back", ACTOR)
    assert "odd flags" in back.reason
    assert holders(location)["champion"] == "v1"
    assert "rollout_rolled_back of v2 firing" in told(location)
    (alert,) = [each.event for each in location.world.registry.open_alerts() if each.event.rule.startswith("rollout")]
    assert (alert.severity, alert.subject) == ("ticket", "v2")
    assert "odd flags" in alert.message
    assert "Changed: nothing" in told(location)
    assert "rollout_rolled_back of v2 resolved" in told(rollouts("2026-01-12T00:31"))


def test_a_rollout_that_needs_an_approval_is_an_alert_until_it_has_it(rollouts):
    location = rollouts(steps=["canary_50"], canary_approvals=1)
    act(location)
    assert location.tick("rollout_sensor") == []
    assert "needs an approval" in location.ask("rollout_sensor").skip_message
    assert "rollout_waits of v2 in staging firing" in told(location)
    approval = {"version": "v2", "reason": "looked at its flags", "actor": "bert"}
    location.world.run(names.APPROVE, {"ops": {"record_approval": {"config": approval}}})
    assert location.tick("rollout_sensor") == ["rollout None"]
    assert "rollout_waits of v2 in staging resolved" in told(location)


class TestWhereThePolicyRequiresARollout:
    def test_a_promotion_names_the_command(self, rollouts):
        location = rollouts(required=True)
        with pytest.raises(RunFailed, match="mlreg rollout start v2"):
            location.world.promote("v2")
        assert holders(location) == {"champion": "v1"}

    def test_automation_starts_one_and_never_again_what_was_rolled_back(self, rollouts):
        location = rollouts(automatic="passed", required=True)
        (request,) = location.ask("promote_sensor").run_requests
        assert request.tags["mlreg/rollout"] == "start"
        assert location.tick("promote_sensor") == ["rollout None"]
        assert changes(location) == [("staging", "open")]
        assert location.world.registry.traffic("champion").actor == ACTOR
        assert location.tick("promote_sensor") == []
        assert "Nothing else is promoted by itself until it ends" in location.ask("promote_sensor").skip_message
        act(location, "abort", reason="not this one")
        assert location.tick("promote_sensor") == []
        assert "v2 was rolled back: a person decides" in location.ask("promote_sensor").skip_message

    def test_after_an_ab_test_a_person_decides(self, rollouts):
        location = rollouts(automatic="passed")
        at = {"time": location.world.clock.now()}
        roll_out(location.world.registry, "v2", **at)
        shift(location.world.registry, split("finished", 0, "finish"), **at)
        assert location.tick("promote_sensor") == []
        assert "v2 had an A/B test: a person decides" in location.ask("promote_sensor").skip_message

    def test_nothing_is_started_in_a_freeze(self, rollouts):
        freeze = {"first": "2026-01-04T00:00", "until": "2026-01-06T00:00", "reason": "the audit"}
        frozen = rollouts(automatic="passed", required=True, freezes=[freeze])
        assert frozen.tick("promote_sensor") == []
        assert "nothing moves now: " in frozen.ask("promote_sensor").skip_message


def test_automation_acts_in_runs_of_sensors_only(rollouts):
    location = rollouts()
    with pytest.raises(RunFailed, match="acts in runs of sensors only"):
        act(location, actor=ACTOR)
    with pytest.raises(RunFailed, match="is no reason but a placeholder"):
        act(location, reason="TODO")
    with pytest.raises(RunFailed, match="No rollout of champion is open"):
        act(location, "abort")
    assert changes(location) == []


def test_a_promotion_by_hand_ends_it(rollouts):
    location = rollouts()
    act(location)
    location.world.promote("v2", reason="no time to wait")
    assert changes(location)[-1] == ("closed", "superseded")
    assert location.tick("rollout_sensor") == []
