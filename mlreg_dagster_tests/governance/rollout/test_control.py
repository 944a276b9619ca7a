"""Rollouts that are started, go on, go back, wait and end; alias, traffic and challenger after each."""

from dataclasses import replace

import pandas as pd
import pytest

from mlreg_dagster.config import RolloutPolicy, UseCaseSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.governance.decisions.decide import DecisionRequest, decide
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted
from mlreg_dagster.governance.promotion.permits import PromotionHeld, PromotionRefused
from mlreg_dagster.governance.promotion.promotion import promote
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.governance.promotion.rollback import RollbackRefused
from mlreg_dagster.governance.rollout import control
from mlreg_dagster.governance.rollout.control import RolloutRefused
from mlreg_dagster.governance.rollout.states import INTO_SERVING
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.registry import Attribution, GatesNotPassed, RolloutConflict
from mlreg_dagster.registry.permit import permit_passed
from mlreg_dagster.storage.artifacts import ArtifactMissing
from mlreg_dagster_tests.governance.promotion.builders import NOW, evaluate, governed
from mlreg_dagster_tests.governance.rollout.rolling import (
    AUTOMATION,
    MINUTE,
    PATH,
    brought_to,
    holders,
    look_at,
    started,
    stepped,
)

FREEZE = {"first": NOW.floor("h"), "until": NOW.floor("h") + HOUR, "reason": "the end of the year"}
GATE = next(iter(GATES))
BY_BOB = Attribution("bob", NOW, "the numbers look odd")


def high(**policy):
    """Judges by the risk tier high, in which two people have to approve."""
    tier = {"approvals": 2, "rollout": policy} if policy else {"approvals": 2}
    lax = governed(high=tier)
    return replace(lax, files=replace(lax.files, use_case=UseCaseSettings(risk_tier="high")))


def approve(registry, governance, *names, version="v2", now=NOW, kind="approval"):
    for name in names:
        by = Attribution(name, now, "I looked at it")
        decide(registry, DecisionRequest(kind, version), by, governance.files.promotion)


class TestStart:
    def test_it_begins_without_traffic(self, rolling):
        governance = replace(governed(), base_rate=lambda *_: 0.02)
        event = started(*rolling, governance=governance, run="run-1")
        assert (event.state, event.weight, event.shadow, event.ruling) == ("staging", 0, False, "open")
        assert (event.champion, event.candidate, event.actor, event.run_id) == ("v1", "v2", "bob", "run-1")
        assert len(event.salt) == 16
        assert event.facts["base_rate"] == 0.02
        assert event.facts["policy"] == RolloutPolicy().model_dump(mode="json")
        assert holders(rolling[0]) == {"champion": "v1"}

    def test_two_rollouts_cut_the_keys_in_two_ways(self, rolling):
        first = started(*rolling)
        control.abort(*rolling, governed(), "champion", BY_BOB, first.sequence)
        assert started(*rolling).salt != first.salt

    @pytest.mark.parametrize(
        ("error", "match", "asked", "policy"),
        [
            (RolloutRefused, "The reason 'x' is too short", {"reason": "x"}, {}),
            (RolloutRefused, "v1 holds champion already", {"version": "v1"}, {}),
            (RolloutConflict, "v2 can't be rolled out against v3: v1 holds", {"expected": "v3"}, {}),
            (PromotionRefused, "eve is not among people", {"actor": "eve"}, {"people": {"bob": {}}}),
            (PromotionRefused, "leaves promotions to people", {"actor": "automation"}, {"automatic": "never"}),
            (PromotionHeld, "nothing moves now: the end of the year", {}, {"freezes": [FREEZE]}),
            (RolloutRefused, "v2 may score from", {"now": NOW - pd.Timedelta(days=4)}, {}),
        ],
    )
    def test_what_is_refused_is_on_record_and_moves_nothing(self, rolling, error, match, asked, policy):
        registry, store = rolling
        with pytest.raises(error, match=match):
            started(registry, store, governance=governed(**policy), **asked)
        assert registry.traffic("champion") is None
        (refusal,) = registry.refusals()
        assert refusal.outcome == ("hold" if error is PromotionHeld else "refuse")

    def test_gates_rejections_and_artifacts(self, rolling, tmp_path):
        registry, store = rolling
        approve(registry, governed(), "eve", kind="rejection")
        with pytest.raises(PromotionRefused, match="rejected by eve"):
            started(registry, store)
        evaluate(registry, "v3", failing=(GATE,))
        with pytest.raises(GatesNotPassed, match="v3 failed its latest evaluation"):
            started(registry, store, "v3")
        for path in (tmp_path / "artifacts" / "models" / "v3").iterdir():
            path.unlink()
        with pytest.raises(ArtifactMissing):
            started(registry, store, "v3")

    def test_one_at_a_time(self, rolling):
        started(*rolling)
        with pytest.raises(RolloutConflict, match="A rollout of champion is open"):
            started(*rolling, "v3")

    def test_the_first_champion_needs_none(self, rolling):
        with pytest.raises(RolloutRefused, match="`mlreg promote v2 --reason …` makes it the first one"):
            started(*rolling, alias="canary")

    def test_the_alias_of_candidates_has_none(self, rolling):
        registry, _ = rolling
        registry.move_alias("challenger", "v3", BY_BOB, expected=None, permit=permit_passed)
        with pytest.raises(RolloutRefused, match="`mlreg promote v2 --alias challenger --reason …` moves it"):
            started(*rolling, alias="challenger")
        assert registry.traffic("challenger") is None

    def test_two_aliases_at_once_are_refused_for_there_is_one_challenger(self, rolling):
        registry, *_ = rolling
        registry.move_alias("staging-eu", "v1", BY_BOB, expected=None, permit=permit_passed)
        started(*rolling)
        with pytest.raises(RolloutRefused, match="abort --alias champion --reason"):
            started(*rolling, alias="staging-eu")
        assert registry.traffic("staging-eu") is None

    def test_approvals_may_come_later(self, rolling):
        assert started(*rolling, governance=high()).state == "staging"


class TestSteps:
    def test_all_of_them(self, rolling):
        registry, store = rolling
        started(registry, store)
        found = []
        for _ in PATH[1:]:
            event = stepped(registry, store, figures={"requests": 700})
            found.append((event.state, event.weight, event.shadow, *holders(registry).values()))
        assert found == [
            ("shadow", 0, True, "v2", "v1"),
            ("canary_5", 500, True, "v2", "v1"),
            ("canary_25", 2_500, True, "v2", "v1"),
            ("canary_50", 5_000, True, "v2", "v1"),
            ("full", 10_000, False, "v1", "v2"),
            ("closed", 10_000, False, "v1", "v2"),
        ]
        assert event.facts == {"requests": 700}
        assert event.reason == "Nothing speaks against closed."
        assert registry.find_tampering() is None

    def test_a_hold_changes_nothing(self, rolling):
        registry, store = rolling
        brought_to(registry, store, "shadow")
        assert stepped(registry, store, dwelled=False) is None
        assert registry.traffic("champion").state == "shadow"

    @pytest.mark.parametrize("state", INTO_SERVING)
    def test_from_each_state_one_step_leads_back_to_the_champion_of_before(self, rolling, state):
        registry, store = rolling
        brought_to(registry, store, state)
        event = stepped(registry, store, breaches=("errors in 9 of 90 seconds",))
        assert (event.state, event.ruling, event.weight, event.shadow) == ("rolled_back", "roll_back", 0, False)
        assert "errors in 9 of 90 seconds" in event.reason
        assert holders(registry)["champion"] == "v1"
        assert (event.alias_sequence is not None) == (state == "full")
        assert registry.find_tampering() is None

    def test_without_a_shadow_the_candidate_scores_from_the_first_canary_on(self, rolling):
        registry, store = rolling
        started(registry, store)
        assert stepped(registry, store, steps=("canary_50",)).state == "canary_50"
        assert holders(registry)["challenger"] == "v2"

    def test_an_older_look_moves_nothing(self, rolling):
        registry, store = rolling
        started(registry, store)
        look = look_at(registry)
        stepped(registry, store)
        with pytest.raises(RolloutConflict, match="change 1 was expected to be the newest"):
            control.step(registry, store, governed(), look, AUTOMATION)

    def test_a_run_that_is_tried_again_gets_its_step_back(self, rolling):
        registry, store = rolling
        started(registry, store)
        look, by = look_at(registry), replace(AUTOMATION, run_id="run-9")
        assert control.step(registry, store, governed(), look, by) == control.step(
            registry, store, governed(), look, by
        )
        assert len(registry.traffic_history("champion")) == 2


class TestAllTraffic:
    def test_the_policy_of_promotions_is_asked(self, rolling):
        registry, store = rolling
        brought_to(registry, store, "canary_50")
        approve(registry, governed(), "eve", kind="rejection")
        with pytest.raises(PromotionRefused, match="rejected by eve"):
            stepped(registry, store)
        assert registry.traffic("champion").state == "canary_50"
        assert holders(registry)["champion"] == "v1"

    def test_approvals_of_the_tier(self, rolling):
        registry, store = rolling
        governance = high()
        approve(registry, governance, "eve", "joe")
        brought_to(registry, store, "canary_50", governance=governance)
        approve(registry, governance, "eve", kind="rejection", now=NOW + MINUTE)
        approve(registry, governance, "eve", now=NOW + 2 * MINUTE)
        event = stepped(registry, store, governance=governance, by=replace(AUTOMATION, time=NOW + 3 * MINUTE))
        evidence = registry.holder("champion").evidence
        assert event.state == "full"
        assert (evidence["facts"]["approved_by"], evidence["rollout"]) == (["eve", "joe"], 1)

    def test_the_person_who_started_it_promotes_whoever_makes_the_steps(self, rolling):
        registry, store = rolling
        governance = governed(automatic="never", people={"bob": {}, "eve": {}})
        brought_to(registry, store, "full", governance=governance)
        assert registry.holder("champion").actor == "automation"

    def test_a_challenger_needs_what_the_tier_asks(self, rolling):
        registry, store = rolling
        started(registry, store, governance=high())
        with pytest.raises(PromotionHeld, match="0 of 2 approvals are there"):
            stepped(registry, store, governance=high())
        assert registry.traffic("champion").state == "staging"
        assert "challenger" not in holders(registry)


class TestBack:
    def test_no_approval_is_asked_and_the_former_champion_is_tried(self, rolling):
        registry, store = rolling
        governance = high()
        approve(registry, governance, "eve", "joe")
        brought_to(registry, store, "full", governance=governance)
        tried = []
        trial = replace(governance, validate_rollback=lambda m: tried.append(m) or {"compared_rows": 24})
        stepped(registry, store, governance=trial, invalid="v2 is rejected.")
        assert [model.manifest["version"] for model in tried] == ["v1"]
        evidence = registry.holder("champion").evidence
        assert evidence["rollback"] == {"compared_rows": 24}
        assert evidence["verdict"]["outcome"] == "promote"

    def test_a_former_champion_that_does_not_score_as_it_did(self, rolling):
        registry, store = rolling
        brought_to(registry, store, "full")

        def fails(_):
            raise RollbackRefused("v1 does not score as it did")

        with pytest.raises(RollbackRefused):
            stepped(registry, store, governance=replace(governed(), validate_rollback=fails), labels="worse")
        assert registry.traffic("champion").state == "full"
        assert holders(registry)["champion"] == "v2"

    def test_files_that_are_not_adopted_do_not_stand_in_the_way(self, rolling):
        registry, store = rolling
        brought_to(registry, store, "full")
        other = governed(min_reason_length=9)
        with pytest.raises(PolicyNotAdopted):
            stepped(registry, store, governance=other)
        assert stepped(registry, store, governance=other, labels="worse").state == "rolled_back"

    def test_not_to_a_version_that_was_rejected_since(self, rolling):
        registry, store = rolling
        brought_to(registry, store, "full")
        approve(registry, governed(), "eve", version="v1", kind="rejection")
        with pytest.raises(PromotionRefused, match="v1 must not become champion: rejected by eve"):
            stepped(registry, store, labels="worse")

    def test_a_rolled_back_candidate_is_no_target_of_a_rollback(self, rolling):
        registry, store = rolling
        brought_to(registry, store, "full")
        stepped(registry, store, labels="worse")
        request = PromotionRequest("v2", "once more", "bob")
        event = promote(registry, store, governed(), request, now=NOW)
        assert not event.evidence["facts"]["is_rollback"]


class TestPairs:
    def test_the_former_champion_scores_on_beside_the_candidate(self, rolling):
        registry, store = rolling
        brought_to(registry, store, "full")
        assert holders(registry) == {"challenger": "v1", "champion": "v2"}
        assert registry.holder("challenger").evidence["rollout"] == 1

    def test_unless_something_speaks_against_it(self, rolling):
        registry, store = rolling
        brought_to(registry, store, "canary_50")
        evaluate(registry, "v1", failing=(GATE,))
        stepped(registry, store)
        assert holders(registry) == {"challenger": "v2", "champion": "v2"}
        assert not look_at(registry, dwelled=False).calls_for_step

    def test_a_step_that_was_stopped_before_it_is_made_up_for(self, rolling):
        registry, store = rolling
        brought_to(registry, store, "canary_50")
        registry.move_traffic("champion", control.moves.split_of("full", "advance", {}), AUTOMATION, expected=5)
        look = look_at(registry, dwelled=False)
        assert look.calls_for_step
        assert control.step(registry, store, governed(), look, AUTOMATION) is None
        assert holders(registry) == {"challenger": "v1", "champion": "v2"}
        assert not look_at(registry, dwelled=False).calls_for_step


class TestPeople:
    def test_pause_and_resume_leave_the_split(self, rolling):
        registry, store = rolling
        before = brought_to(registry, store, "canary_5")
        paused = control.pause(registry, governed(), "champion", BY_BOB, before.sequence)
        assert (paused.state, paused.weight, paused.shadow, paused.ruling) == ("canary_5", 500, True, "pause")
        assert look_at(registry).paused
        with pytest.raises(RolloutRefused, match="The rollout of v2 is paused"):
            control.pause(registry, governed(), "champion", BY_BOB, paused.sequence)
        resumed = control.resume(registry, governed(), "champion", BY_BOB, paused.sequence)
        assert resumed.ruling == "resume"
        assert not look_at(registry).paused
        with pytest.raises(RolloutRefused, match="is not paused"):
            control.resume(registry, governed(), "champion", BY_BOB, resumed.sequence)

    @pytest.mark.parametrize("state", INTO_SERVING)
    def test_abort_leads_back_from_each_state(self, rolling, state):
        registry, store = rolling
        before = brought_to(registry, store, state)
        ended = control.abort(registry, store, governed(), "champion", BY_BOB, before.sequence)
        assert (ended.state, ended.ruling, ended.actor) == ("rolled_back", "abort", "bob")
        assert ended.reason == "the numbers look odd"
        assert holders(registry)["champion"] == "v1"

    def test_a_paused_rollout_goes_back_all_the_same(self, rolling):
        registry, store = rolling
        before = brought_to(registry, store, "canary_5")
        control.pause(registry, governed(), "champion", BY_BOB, before.sequence)
        assert stepped(registry, store, labels="worse").state == "rolled_back"

    @pytest.mark.parametrize("act", ["pause", "resume", "abort"])
    def test_who_may(self, rolling, act):
        registry, store = rolling
        event = started(registry, store)
        between = (registry, store) if act == "abort" else (registry,)

        def done(by, **policy):
            getattr(control, act)(*between, governed(**policy), "champion", by, event.sequence)

        with pytest.raises(RolloutRefused, match="a person pauses, resumes and ends it"):
            done(AUTOMATION)
        with pytest.raises(RolloutRefused, match="too short"):
            done(replace(BY_BOB, reason="x"))
        assert len(registry.traffic_history("champion")) == 1

    @pytest.mark.parametrize("act", ["pause", "resume", "abort"])
    def test_strangers_may_not(self, rolling, act):
        registry, store = rolling
        governance = governed(people={"eve": {}})
        event = started(registry, store, governance=governance, actor="eve")
        between = (registry, store) if act == "abort" else (registry,)
        with pytest.raises(RolloutRefused, match=r"bob is not among people; promotion\.yaml names eve"):
            getattr(control, act)(*between, governance, "champion", BY_BOB, event.sequence)

    @pytest.mark.parametrize("act", ["pause", "resume", "abort"])
    def test_another_change_came_first_or_none_is_open(self, rolling, act):
        registry, store = rolling
        between = (registry, store) if act == "abort" else (registry,)
        with pytest.raises(RolloutConflict, match="No rollout of champion is open"):
            getattr(control, act)(*between, governed(), "champion", BY_BOB, 1)
        brought_to(registry, store, "shadow")
        with pytest.raises(RolloutConflict, match="change 1 was expected to be the newest"):
            getattr(control, act)(*between, governed(), "champion", BY_BOB, 1)


class TestRequired:
    def test_a_promotion_waits_for_a_rollout(self, rolling):
        registry, store = rolling
        governance = governed(low={"rollout": {"required": True}})
        request = PromotionRequest("v2", "it finds more", "bob")
        with pytest.raises(PromotionHeld, match="the policy wants a rollout: `mlreg rollout start v2 --reason …`"):
            promote(registry, store, governance, request, now=NOW)
        challenger = replace(request, alias="challenger")
        assert promote(registry, store, governance, challenger, now=NOW).version == "v2"

    def test_a_rollback_does_not(self, rolling):
        registry, store = rolling
        governance = governed(low={"rollout": {"required": True}})
        brought_to(registry, store, "closed", governance=governance)
        event = promote(registry, store, governance, PromotionRequest("v1", "v2 cried wolf", "bob"), now=NOW)
        assert (event.version, event.evidence["facts"]["is_rollback"]) == ("v1", True)
