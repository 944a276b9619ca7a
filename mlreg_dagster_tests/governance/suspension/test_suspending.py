"""Who may suspend and resume an alias, and what a suspension keeps from moving."""

import pandas as pd
import pytest

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.governance.decisions import signing
from mlreg_dagster.governance.decisions.authority import DecisionRefused
from mlreg_dagster.governance.decisions.decide import DecisionRequest, decide
from mlreg_dagster.governance.promotion.permits import PromotionHeld
from mlreg_dagster.governance.suspension.suspending import (
    Authority,
    NothingToSuspend,
    ResumptionHeld,
    resume,
    suspend,
)
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import AlreadySuspended, Attribution, NotSuspended
from mlreg_dagster_tests.governance.promotion.builders import NOW
from mlreg_dagster_tests.governance.promotion.conftest import in_force, model, move, refused, three_versions

__all__ = ["in_force", "model", "move", "refused", "three_versions"]

LATER = NOW + pd.Timedelta(hours=1)
ANYBODY = Authority(PromotionSettings())


def by(actor="carla", reason="it flags all", time=NOW, run=None):
    return Attribution(actor, time, reason, run)


def under(**policy):
    return Authority(PromotionSettings(**policy))


@pytest.fixture
def champion(move, registry):
    """v2 is champion, after v1."""
    move("v1")
    move("v2")
    return registry


class TestSuspend:
    def test_it_needs_a_reason_and_no_approval(self, champion):
        with pytest.raises(DecisionRefused, match="too short"):
            suspend(champion, CHAMPION, by(reason="no"), ANYBODY)
        stopped = suspend(champion, CHAMPION, by(), under(low={"approvals": 2}))
        assert (stopped.version, stopped.facts, stopped.signature) == ("v2", {"serving": "refuse"}, None)

    def test_servers_answer_by_the_holder_before_where_the_policy_says_so(self, champion):
        stopped = suspend(champion, CHAMPION, by(), under(suspension={"serving": "previous"}))
        assert stopped.previous["version"] == "v1"
        assert stopped.previous["artifact_sha256"] == champion.version("v1").artifact_sha256
        assert stopped.previous["sequence"] == 1

    def test_where_there_is_no_holder_before_they_refuse(self, move, registry):
        move("v1")
        assert suspend(registry, CHAMPION, by(), under(suspension={"serving": "previous"})).previous is None

    def test_without_a_holder_there_is_nothing_to_suspend(self, registry):
        with pytest.raises(NothingToSuspend, match="No version holds champion"):
            suspend(registry, CHAMPION, by(), ANYBODY)

    def test_any_person_may_and_nobody_else(self, champion):
        named = under(people={"anna": {}, "carla": {}})
        with pytest.raises(DecisionRefused, match="mallory may not decide"):
            suspend(champion, CHAMPION, by("mallory"), named)
        assert suspend(champion, CHAMPION, by("carla"), named)

    def test_automation_may_where_the_policy_says_so_and_never_resumes(self, champion):
        with pytest.raises(DecisionRefused, match="Automation may not suspend"):
            suspend(champion, CHAMPION, by("automation"), ANYBODY)
        suspend(champion, CHAMPION, by("automation"), under(suspension={"automatic": True}))
        with pytest.raises(DecisionRefused, match="Automation resumes nothing"):
            resume(champion, CHAMPION, by("automation"), under(suspension={"automatic": True}))

    def test_it_is_signed_where_the_actor_has_a_key(self, champion, tmp_path):
        public = signing.make_key(tmp_path / "key.pem")
        keyed = {"people": {"carla": {"public_key": public}}}
        with pytest.raises(DecisionRefused, match="MLREG_SIGNING_KEY"):
            suspend(champion, CHAMPION, by(), under(**keyed))
        stopped = suspend(champion, CHAMPION, by(), Authority(PromotionSettings(**keyed), tmp_path / "key.pem"))
        text = signing.suspension_message("suspended", CHAMPION, 1, "v2", stopped.artifact_sha256, by())
        assert signing.verifies(public, stopped.signature, text)

    def test_the_past_is_for_replays(self, champion):
        early = NOW - pd.Timedelta(hours=2)
        with pytest.raises(DecisionRefused, match="only a replay of history writes"):
            suspend(champion, CHAMPION, by(), ANYBODY, early)
        replay = Authority(PromotionSettings(), replays_history=True)
        assert suspend(champion, CHAMPION, by("replay"), replay, early).effective_at == early

    def test_the_second_hears_of_the_first(self, champion):
        suspend(champion, CHAMPION, by(), ANYBODY)
        with pytest.raises(AlreadySuspended, match="by carla: it flags all"):
            suspend(champion, CHAMPION, by("eve", "stop it now"), ANYBODY)


class TestResume:
    @pytest.fixture
    def stopped(self, champion):
        suspend(champion, CHAMPION, by(), ANYBODY)
        return champion

    def test_the_same_version_holds_the_alias_on(self, stopped):
        before = stopped.holder(CHAMPION)
        back = resume(stopped, CHAMPION, by("dora", "it was the feed", LATER), ANYBODY)
        assert stopped.suspension(CHAMPION) is None
        assert stopped.holder(CHAMPION) == before
        assert (back.version, back.facts) == ("v2", {"approved_by": []})

    def test_what_is_not_suspended_is_not_resumed(self, champion):
        with pytest.raises(NotSuspended):
            resume(champion, CHAMPION, by("dora", "it was the feed"), ANYBODY)

    def test_one_of_the_roles_must_be_held_by_the_person_who_resumes(self, stopped):
        asked = under(people={"anna": {"roles": ["risk"]}, "dora": {}}, suspension={"resume_roles": ["risk"]})
        with pytest.raises(DecisionRefused, match=r"dora may not resume: .* asks for a risk"):
            resume(stopped, CHAMPION, by("dora", "it was the feed", LATER), asked)
        assert stopped.refusals()[-1].because.startswith("dora may not resume")
        assert resume(stopped, CHAMPION, by("anna", "it was the feed", LATER), asked)

    def test_approvals_of_others_since_the_suspension_are_counted(self, champion):
        decide(champion, DecisionRequest("approval", "v2"), by("eve", "looked at it", NOW), PromotionSettings())
        suspend(champion, CHAMPION, by(time=NOW + pd.Timedelta(minutes=1)), ANYBODY)
        asked = under(suspension={"resume_approvals": 1})

        def approve(actor):
            decide(champion, DecisionRequest("approval", "v2"), by(actor, "looked at it", LATER), asked.policy)

        approve("dora")
        with pytest.raises(ResumptionHeld, match="0 of 1 approvals of v2 by others since the suspension"):
            resume(champion, CHAMPION, by("dora", "it was the feed", LATER), asked)
        assert champion.refusals()[-1].outcome == "hold"
        approve("eve")
        back = resume(champion, CHAMPION, by("dora", "it was the feed", LATER), asked)
        assert back.facts == {"approved_by": ["eve"]}


class TestPromotions:
    @pytest.fixture(autouse=True)
    def stopped(self, champion):
        suspend(champion, CHAMPION, by(), ANYBODY)

    @pytest.mark.parametrize("alias", [CHAMPION, "challenger", "canary"])
    def test_while_the_champion_is_suspended_no_alias_moves(self, refused, registry, alias):
        refused(PromotionHeld, r"champion is suspended since .*Nothing moves but back", version="v3", alias=alias)
        assert (registry.refusals()[-1].outcome, registry.refusals()[-1].alias) == ("hold", alias)

    def test_no_waiver_waives_it(self, refused, registry):
        until = NOW + pd.Timedelta(hours=5)
        waiver = DecisionRequest("exception", "v3", ("freeze",), until)
        decide(registry, waiver, by("eve", "it is urgent"), PromotionSettings(separation_of_duties=False))
        refused(PromotionHeld, "Nothing moves but back", version="v3")

    def test_a_rollback_moves_and_it_stays_suspended(self, move, registry):
        assert move("v1").version == "v1"
        assert registry.suspension(CHAMPION).version == "v2"
        resume(registry, CHAMPION, by("dora", "v1 is fine"), ANYBODY)
        assert registry.holder(CHAMPION).version == "v1"

    def test_after_the_resumption_promotions_go_on(self, move, registry):
        resume(registry, CHAMPION, by("dora", "it was the feed"), ANYBODY)
        assert move("v3").version == "v3"


def test_a_suspension_of_another_alias_holds_that_alias_alone(move, registry):
    move("v1")
    move("v2", alias="challenger")
    suspend(registry, "challenger", by(), ANYBODY)
    with pytest.raises(PromotionHeld, match="challenger is suspended"):
        move("v3", alias="challenger")
    assert move("v3").version == "v3"


def test_a_policy_that_says_nothing_of_suspensions_keeps_its_hash():
    assert "suspension" not in PromotionSettings().model_dump(mode="json")
    assert PromotionSettings(suspension={"automatic": True}).model_dump(mode="json")["suspension"]["automatic"]
    assert "suspension" not in PromotionSettings(suspension={"serving": "refuse"}).model_dump(mode="json")


@pytest.mark.parametrize(
    ("suspension", "match"), [({"resume_roles": ["risk"]}, "nobody among people"), ({"resume_approvals": 2}, "names 2")]
)
def test_a_policy_that_no_one_could_satisfy_is_refused(suspension, match):
    policy = PromotionSettings(people={"anna": {}, "dora": {}}, suspension=suspension)
    assert match in policy.unmet("low")
