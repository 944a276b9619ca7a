"""What counts of the records."""

from dataclasses import replace

import pandas as pd
import pytest

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, UseCaseSettings
from mlreg_dagster.config.sections.governance import Freeze, Person, TierPolicy
from mlreg_dagster.governance.decisions.signing import decision_message, make_key, read_key, sign
from mlreg_dagster.governance.policy.facts import facts_of
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.governance.policy.judgement import WorthFound, judge
from mlreg_dagster.registry import AliasEvent, Attribution, Decision, Dossier, Evaluation, GateResult, ModelVersion

POLICY = PromotionSettings()
NOW = pd.Timestamp("2026-03-01 12:30", tz="UTC")
VERSION = ModelVersion("v7", NOW, "tom", None, "isolation_forest", "2026-02-27", "d" * 64, "a" * 64, {})
THRESHOLDS = EvaluationSettings().model_dump(mode="json")
PASSED = (GateResult("score_gap", True, 0.2, "at least 0.05", "fine"),)


def evaluated(number=3, gates=PASSED, age_days=1.0, **metrics):
    recorded = NOW - pd.Timedelta(days=age_days)
    return Evaluation(number, "v7", "a" * 64, "h" * 64, True, gates, metrics, THRESHOLDS, recorded, "tom", None)


def said(kind="approval", actor="anna", evaluation_id=3, lifts=(), expires_at=None, signature=None, number=1):
    return Decision(
        number, kind, "v7", "a" * 64, evaluation_id, actor, "looked at it", lifts, expires_at, NOW, None, signature
    )


def facts(
    decisions=(), policy=POLICY, evaluation=None, actor="pia", moves=(), matured=lambda: 5, worth=lambda: (), **changes
):
    evaluation = evaluation or evaluated()
    known = {"alias": "champion", "evaluations": [evaluation], "withdrawals": [], **changes}
    dossier = Dossier(
        known["alias"], VERSION, known["evaluations"], list(decisions), known["withdrawals"], list(moves), None
    )
    rules = Rules(policy, UseCaseSettings(risk_tier="high"), EvaluationSettings())
    return facts_of(dossier, rules, evaluation, Attribution(actor, NOW), matured_outcomes=matured, worth=worth)


def test_approvals_of_two_people_count_and_of_one_twice_once():
    assert facts([said(), said(actor="bert")]).approved_by == ("anna", "bert")
    assert facts([said(), said(number=2)]).approved_by == ("anna",)


@pytest.mark.parametrize(
    ("approval", "why"),
    [
        (said(actor="tom"), "who trained it"),
        (said(actor="pia"), "who promotes it"),
        (said(evaluation_id=2), "evaluation 2, not of the latest, 3"),
        (said(evaluation_id=None), "evaluation none"),
    ],
)
def test_what_does_not_count_is_said(approval, why):
    tier = TierPolicy(approvals=1)
    found = replace(facts([approval]), missing_gates=())
    assert found.approved_by == ()
    assert why in found.not_counted[0]
    assert why in judge(found, tier, POLICY).reasons[-1]


def test_without_separation_of_duties_the_trainer_may_approve():
    policy = PromotionSettings(separation_of_duties=False)
    assert facts([said(actor="tom"), said(actor="pia")], policy).approved_by == ("tom", "pia")


def test_the_last_word_of_each_person_counts():
    rejection = said("rejection", number=2)
    assert facts([said(), rejection]).rejected_by == ("anna (looked at it)",)
    assert facts([said(), rejection]).approved_by == ()
    assert facts([said(), rejection, said(actor="bert", number=3)]).rejected_by == ("anna (looked at it)",)
    assert facts([rejection, said(number=3)]).rejected_by == ()


def test_only_people_who_are_named_may_decide():
    policy = PromotionSettings(people={"anna": Person(roles=("risk_officer",)), "bert": Person()})
    found = facts([said(), said(actor="eve"), said("rejection", "mallory")], policy)
    assert (found.approved_by, found.roles, found.rejected_by) == (("anna",), ("risk_officer",), ())
    assert "eve, who is not among people" in found.not_counted[0]


def test_a_waiver_waives_what_it_names_until_it_expires():
    waiver = said("exception", lifts=("freeze",), expires_at=NOW + pd.Timedelta(minutes=1))
    assert facts([waiver]).waived.keys() == {"freeze"}
    assert facts([replace(waiver, expires_at=NOW)]).waived == {}
    assert facts([replace(waiver, actor="tom")]).waived == {}  # who trained it
    assert facts([replace(waiver, actor="pia")]).waived == {}  # who promotes it
    assert facts([replace(waiver, expires_at=NOW + pd.Timedelta(days=15))]).waived == {}  # 14 days by the policy
    policy = PromotionSettings(people={"anna": Person(), "bert": Person()})
    assert facts([replace(waiver, actor="eve")], policy).waived == {}


def test_a_freeze_counts_from_its_first_hour_to_before_its_last():
    def frozen(first, until):
        freeze = Freeze(first=pd.Timestamp(first, tz="UTC"), until=pd.Timestamp(until, tz="UTC"), reason="holidays")
        return facts(policy=PromotionSettings(freezes=(freeze,))).frozen

    assert frozen("2026-03-01 12:00", "2026-03-01 13:00") == "holidays, until 2026-03-01 13:00"
    assert frozen("2026-03-01 13:00", "2026-03-02 00:00") is None
    assert frozen("2026-02-01 00:00", "2026-03-01 12:00") is None


def test_gates_and_stability_come_from_the_evaluation():
    failed = (*PASSED, GateResult("model_size", False, None, "at most 10 MB", "Not computable: lost"))
    found = facts(evaluation=evaluated(gates=failed, stability={"verdict": "unstable", "detail": "0.2 apart"}))
    assert found.failed_gates == ("model_size (Not computable: lost)",)
    assert (found.stability, found.stability_detail) == ("unstable", "0.2 apart")
    assert "scoring_latency" in found.missing_gates
    assert "model_size" not in found.missing_gates


def test_the_challenger_is_not_asked_for_the_outcomes_that_it_is_to_bring():
    policy = PromotionSettings(min_matured_outcomes=10)
    assert facts(policy=policy).matured_outcomes == 5
    assert facts(policy=policy, alias="challenger").matured_outcomes is None


def test_worth_is_measured_only_where_the_tier_asks_for_it_and_never_of_a_challenger_or_a_rollback():
    found = (WorthFound("ranking:fall", "worse", "2 of 100"),)
    move = AliasEvent(1, "champion", 1, "v7", None, "a" * 64, 3, NOW, NOW, "tom", "first", None, {})
    newer = AliasEvent(2, "champion", 2, "v8", "v7", "b" * 64, 4, NOW, NOW, "tom", "second", None, {})
    assert facts(worth=lambda: found).worth == found
    assert facts(worth=lambda: found, alias="challenger").worth is None
    assert facts(worth=lambda: found, moves=(move, newer)).worth is None
    asks_for_nothing = PromotionSettings(high=TierPolicy())
    assert facts(worth=lambda: found, policy=asks_for_nothing).worth is None


def test_an_evaluation_is_as_old_as_the_data_that_it_looked_at():
    fresh = evaluated(age_days=0.0)
    assert facts(evaluation=fresh).evaluation_age_days == pytest.approx(1.52, abs=0.01)  # the dataset of 27 February
    assert facts(evaluation=replace(fresh, holdout_day="2026-01-01")).evaluation_age_days > 58
    assert facts(evaluation=evaluated(age_days=9.0)).evaluation_age_days == 9.0


def test_automation_moves_the_champion_alone_and_only_where_the_policy_lets_it():
    assert facts(actor="automation").stranger is None
    assert "moves champion alone" in facts(actor="automation", alias="stable").stranger
    assert (
        "leaves promotions to people" in facts(policy=PromotionSettings(automatic="never"), actor="automation").stranger
    )


def test_outcomes_are_counted_only_where_some_are_asked_for():
    def never():
        raise AssertionError("nobody asked")

    assert facts(matured=never).matured_outcomes is None
    assert facts(policy=PromotionSettings(min_matured_outcomes=1)).matured_outcomes == 5


def test_a_former_holder_comes_back():
    move = AliasEvent(1, "champion", 1, "v7", None, "a" * 64, 3, NOW, NOW, "bob", "first", None, {})
    assert facts(moves=[move]).is_rollback
    assert not facts(moves=[replace(move, version="v6")]).is_rollback


def test_a_rollback_that_automation_asks_for_waits_for_a_person_where_the_risk_is_high():
    held = AliasEvent(1, "champion", 1, "v7", None, "a" * 64, 3, NOW, NOW, "pia", "first", None, {})
    asked = facts(moves=[held], actor="automation", policy=PromotionSettings(automatic="passed"))
    verdict = judge(replace(asked, missing_gates=()), TierPolicy(), POLICY)
    assert (verdict.outcome, len(verdict.reasons)) == ("hold", 1)
    assert "a person decides" in verdict.reasons[0]
    assert facts(moves=[held]).needs_person is None
    assert facts(actor="automation").needs_person is None


def test_signatures_count_for_those_very_words(tmp_path):
    public = make_key(tmp_path / "anna.pem")
    key = read_key(tmp_path / "anna.pem")
    policy = PromotionSettings(people={"anna": Person(public_key=public), "bert": Person()})

    def signed(decision):
        return replace(decision, signature=sign(key, decision_message(decision)))

    good = signed(said())
    assert facts([good], policy).approved_by == ("anna",)
    forgeries = {
        "unsigned": said(),
        "moved to another version": replace(good, version="v8"),
        "of other bytes": replace(good, artifact_sha256="b" * 64),
        "of another evaluation": replace(good, evaluation_id=4),
        "turned round": signed(said("rejection")).__class__(**{**vars(signed(said("rejection"))), "kind": "approval"}),
        "replayed later": replace(good, recorded_at=NOW + pd.Timedelta(seconds=1)),
        "by another's key": replace(said(), signature=sign(read_key_of(tmp_path, "eve"), b"anything")),
        "no base64": replace(good, signature="?"),
    }
    for name, forged in forgeries.items():
        assert facts([forged], policy, evaluation=evaluated(forged.evaluation_id)).approved_by == (), name
    assert facts([replace(said(), actor="bert")], policy).approved_by == ("bert",)  # has no key to sign with


def read_key_of(folder, name):
    make_key(folder / f"{name}.pem")
    return read_key(folder / f"{name}.pem")
