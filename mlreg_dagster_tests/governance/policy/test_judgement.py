"""The decision table: every combination of tier, gates, stability, approvals, waiver and freeze."""

import itertools
from dataclasses import replace

import pytest

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.config.sections.governance import TierPolicy
from mlreg_dagster.governance.policy.judgement import WAIVABLE, Facts, WorthFound, judge

POLICY = PromotionSettings()
GATES = {
    "passed": {},
    "failed": {"failed_gates": ("score_gap (0.01)",)},
    "not measured": {"missing_gates": ("model_size",)},
}
WAIVERS = [(), ("stability",), ("freeze",), ("stability", "freeze")]


def outcome_by_the_rules(tier, gates, stability, approvals, waiver, frozen):
    """The table in words: high risk asks for approvals and stability, the unstable waits, gates refuse."""
    if gates != "passed":
        return "refuse"
    waits = [
        frozen and "freeze" not in waiver,
        stability == "unstable" and "stability" not in waiver,
        tier == "high" and stability == "not measured" and "stability" not in waiver,
        tier == "high" and approvals < 2,
    ]
    return "hold" if any(waits) else "promote"


@pytest.mark.parametrize("tier", ["low", "high"])
@pytest.mark.parametrize("gates", GATES)
@pytest.mark.parametrize("stability", ["stable", "unstable", "not measured"])
@pytest.mark.parametrize("approvals", [0, 1, 2, 3])
@pytest.mark.parametrize("waiver", WAIVERS, ids=["none", "stability", "freeze", "both"])
@pytest.mark.parametrize("frozen", [False, True], ids=["", "frozen"])
def test_the_decision_table(tier, gates, stability, approvals, waiver, frozen):
    facts = Facts(
        **GATES[gates],
        stability=stability,
        approved_by=("anna", "bert", "carla")[:approvals],
        waived=dict.fromkeys(waiver, "anna, for a day"),
        frozen="end of the year" if frozen else None,
    )
    verdict = judge(facts, POLICY.of(tier), POLICY)
    assert verdict.outcome == outcome_by_the_rules(tier, gates, stability, approvals, waiver, frozen)
    assert bool(verdict.reasons) == (verdict.outcome != "promote")
    held_up = {"freeze"} if frozen else set()
    held_up |= {"stability"} if stability == "unstable" or (tier == "high" and stability != "stable") else set()
    expected = set() if verdict.outcome == "refuse" else held_up & set(waiver)
    assert {name.partition(":")[0] for name in verdict.waived} == expected


@pytest.mark.parametrize("tier", ["low", "high"])
@pytest.mark.parametrize("stability", ["stable", "unstable"])
@pytest.mark.parametrize("frozen", [None, "end of the year"])
def test_a_rejection_refuses_whatever_else_is_there(tier, stability, frozen):
    facts = Facts(
        stability=stability,
        approved_by=("a", "b", "c"),
        waived=dict.fromkeys(WAIVABLE, "x"),
        frozen=frozen,
        rejected_by=("dora (smells)",),
    )
    verdict = judge(facts, POLICY.of(tier), POLICY)
    assert (verdict.outcome, verdict.reasons) == ("refuse", ("rejected by dora (smells)",))


@pytest.mark.parametrize("allowed", [False, True], ids=["", "tier allows experiments"])
@pytest.mark.parametrize("experiment", [False, True], ids=["", "experiment"])
@pytest.mark.parametrize("stranger", [False, True], ids=["", "stranger"])
@pytest.mark.parametrize("rollback", [False, True], ids=["", "rollback"])
@pytest.mark.parametrize("waived", [False, True], ids=["", "waived"])
@pytest.mark.parametrize("frozen", [False, True], ids=["", "frozen"])
def test_the_table_of_experiments_strangers_waivers_and_rollbacks(
    allowed, experiment, stranger, rollback, waived, frozen
):
    found = Facts(
        departures=("max_anomaly_rate was 1.0 instead of 0.2",) if experiment else (),
        stranger="eve is not among people" if stranger else None,
        is_rollback=rollback,
        waived={"freeze": "anna, for a day"} if waived else {},
        frozen="end of the year" if frozen else None,
    )
    verdict = judge(found, TierPolicy(experiments=allowed), POLICY)
    if stranger or (experiment and not allowed):
        assert verdict.outcome == "refuse"
        assert ("eve" in " ".join(verdict.reasons)) == stranger
        assert ("max_anomaly_rate" in " ".join(verdict.reasons)) == (experiment and not allowed)
    elif frozen and not waived and not rollback:
        assert verdict.outcome == "hold"
    else:
        assert verdict.outcome == "promote"


def test_a_rollback_waits_for_nothing_but_is_refused_all_the_same():
    facts = Facts(stability="unstable", frozen="night", evaluation_age_days=900, is_rollback=True)
    strict = PromotionSettings(max_evaluation_age_days=7)
    assert judge(facts, strict.high, strict).outcome == "promote"
    for refusal in ({"rejected_by": ("dora (smells)",)}, GATES["failed"], GATES["not measured"]):
        assert judge(replace(facts, **refusal), strict.high, strict).outcome == "refuse"


@pytest.mark.parametrize(
    ("setting", "facts", "reason"),
    [
        ({"max_evaluation_age_days": 7}, {"evaluation_age_days": 7.1}, "7.1 days old, allowed are 7"),
        ({"min_matured_outcomes": 100}, {"matured_outcomes": 99}, "99 of its outcomes have matured, asked are 100"),
    ],
)
def test_an_old_evaluation_and_few_outcomes_hold_it_up(setting, facts, reason):
    policy = PromotionSettings(**setting)
    (name,) = setting
    verdict = judge(Facts(**facts), policy.low, policy)
    assert verdict.outcome == "hold"
    assert reason in verdict.reasons[0]
    waived = {"evaluation_age": "x"} if "age" in name else {"matured_outcomes": "x"}
    assert judge(Facts(**facts, waived=waived), policy.low, policy).outcome == "promote"
    assert judge(Facts(**{key: value - 1 if "age" in key else value + 1 for key, value in facts.items()}),
                 policy.low, policy).outcome == "promote"  # fmt: skip


def test_each_asked_role_must_have_approved():
    tier = TierPolicy(approvals=1, roles=("risk_officer",))
    verdict = judge(Facts(approved_by=("bert",), roles=("engineer",)), tier, POLICY)
    assert verdict.reasons == ("nobody who approved is a risk_officer",)
    assert judge(Facts(approved_by=("anna",), roles=("risk_officer",)), tier, POLICY).outcome == "promote"


def test_a_stability_that_was_not_measured_is_said_in_plain_words():
    verdict = judge(Facts(approved_by=("anna", "bert")), TierPolicy(stable=True), POLICY)
    assert verdict.reasons == ("the stability of the evaluation was not measured",)
    unstable = Facts(stability="unstable", stability_detail="0.2 apart")
    assert judge(unstable, TierPolicy(), POLICY).reasons == ("the evaluation is unstable (0.2 apart)",)


def test_the_table_has_every_combination():
    cases = itertools.product(["low", "high"], GATES, range(3), range(4), WAIVERS, [False, True])
    assert len(list(cases)) == 576


@pytest.mark.parametrize("asked", [None, "better", "not_worse"])
@pytest.mark.parametrize("against_ranking", ["better", "not worse", "worse", "unknown"])
@pytest.mark.parametrize("against_champion", [None, "better", "not worse", "worse", "unknown"])
@pytest.mark.parametrize("waived", [False, True], ids=["", "waived"])
@pytest.mark.parametrize("rollback", [False, True], ids=["", "rollback"])
def test_worth_holds_up_what_its_outcomes_do_not_show(asked, against_ranking, against_champion, waived, rollback):
    found = [WorthFound("ranking:fall", against_ranking, "3 of 100 against 4 of 100")]
    if against_champion:
        found.append(WorthFound("v1", against_champion, "the same flags"))
    facts = Facts(worth=tuple(found), waived={"worth_on_outcomes": "anna"} if waived else {}, is_rollback=rollback)
    verdict = judge(facts, TierPolicy(worth=asked), POLICY)
    enough = {"better": {"better"}, "not_worse": {"better", "not worse"}, None: {each.verdict for each in found}}
    lacking = [each for each in found if each.verdict not in enough[asked]]
    if not lacking or waived or rollback:
        assert verdict.outcome == "promote"
        assert bool(verdict.waived) == bool(lacking and waived and not rollback)
    else:
        assert verdict.outcome == "hold"
        assert all(f"{each.opponent}: {each.verdict}" in verdict.reasons[0] for each in lacking)


def test_worth_that_is_asked_for_before_anything_matured_waits():
    verdict = judge(Facts(worth=()), TierPolicy(worth="not_worse"), POLICY)
    assert verdict.outcome == "hold"
    assert "none has matured" in verdict.reasons[0]


def test_a_policy_of_before_worth_keeps_its_json():
    assert "worth" not in TierPolicy().model_dump(mode="json")
    assert PromotionSettings().model_dump(mode="json")["high"]["worth"] == "not_worse"
    stored = {name: value for name, value in POLICY.high.model_dump(mode="json").items() if name != "worth"}
    assert TierPolicy.model_validate(stored).model_dump(mode="json") == stored
