"""Which decisions count: rows that do not are invisible, whatever they are and wherever they stand."""

import base64
from dataclasses import replace

import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, UseCaseSettings
from mlreg_dagster.config.sections.governance import Person, TierPolicy, WaiverPolicy
from mlreg_dagster.governance.decisions.signing import decision_message, public_key, sign, withdrawal_message
from mlreg_dagster.governance.policy.facts import facts_of
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.governance.policy.judgement import judge
from mlreg_dagster.registry import Attribution, Decision, Dossier, Evaluation, GateResult, ModelVersion, Withdrawal
from mlreg_dagster_tests.serving.running import LONG

NOW = pd.Timestamp("2026-03-10 12:30", tz="UTC")
HOUR = pd.Timedelta(hours=1)
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.ljust(32, ".").encode()) for name in ("anna", "bert", "carla")}
EVE = Ed25519PrivateKey.from_private_bytes(b"e" * 32)
POLICY = PromotionSettings(
    low=TierPolicy(approvals=1, roles=("risk_officer",)),
    waivers=WaiverPolicy(roles=("risk_officer",), max_days=7),
    people={
        "anna": Person(roles=("risk_officer",), public_key=public_key(KEYS["anna"])),
        "bert": Person(public_key=public_key(KEYS["bert"])),
        "carla": Person(roles=("risk_officer",), public_key=public_key(KEYS["carla"])),
    },
)
RULES = Rules(POLICY, UseCaseSettings(), EvaluationSettings())
VERSION = ModelVersion("v7", NOW, "tom", None, "isolation_forest", "2026-03-08", "d" * 64, "a" * 64, {})
GATES = (GateResult("score_gap", True, 0.2, "at least 0.05", "fine"),)
THRESHOLDS = EvaluationSettings().model_dump(mode="json")
EVALUATION = Evaluation(3, "v7", "a" * 64, "h" * 64, True, GATES, {}, THRESHOLDS, NOW - 9 * HOUR, "tom", None)


def decision(number, kind="approval", actor="anna", hours=5, evaluation=3, signed=True, key=None, **changes):
    waives = (
        {"lifts": ("freeze",), "expires_at": NOW + HOUR} if kind == "exception" else {"lifts": (), "expires_at": None}
    )
    values = {
        "version": "v7",
        "artifact_sha256": "a" * 64,
        "reason": "looked at it",
        "run_id": None,
        **waives,
        **changes,
    }
    bare = Decision(
        id=number,
        kind=kind,
        evaluation_id=evaluation,
        actor=actor,
        recorded_at=NOW - hours * HOUR,
        signature=None,
        **values,
    )
    return replace(bare, signature=sign(key or KEYS[actor], decision_message(bare))) if signed else bare


def withdrawal(number, of, actor=None, hours=1, key=None, signed=True):
    actor = actor or of.actor
    by = Attribution(actor, NOW - hours * HOUR, "was wrong")
    signature = sign(key or KEYS[actor], withdrawal_message(by, of)) if signed else None
    return Withdrawal(number, of.id, actor, by.reason, by.time, None, signature)


def verdict(decisions, withdrawals=(), actor="pia"):
    people = PromotionSettings.model_validate(
        {**POLICY.model_dump(), "people": {**POLICY.model_dump()["people"], "pia": {}}}
    )
    rules = replace(RULES, promotion=people)
    dossier = Dossier("champion", VERSION, [EVALUATION], list(decisions), list(withdrawals), [], None)
    found = facts_of(dossier, rules, EVALUATION, Attribution(actor, NOW), matured_outcomes=lambda: 0, worth=tuple)
    judged = judge(found, people.low, people)
    return judged.outcome, judged.waived, found.approved_by, found.rejected_by, dict(found.waived or {})


# --- rows that count, and rows that do not -------------------------------------------------------------------------

_KINDS = st.sampled_from(["approval", "rejection", "exception"])
_COUNTING = st.builds(
    lambda kind, actor, hours: ("counts", kind, actor, hours),
    _KINDS, st.sampled_from(sorted(KEYS)), st.integers(1, 100),
)  # fmt: skip
_IGNORED = st.tuples(
    st.sampled_from([
        "unsigned", "other key", "replayed", "other bytes", "other version", "other evaluation", "unknown person",
        "wrong role", "from the future", "trainer", "too long", "reworded", "base64 spelled otherwise",
    ]),
    _KINDS, st.sampled_from(sorted(KEYS)), st.integers(1, 100),
)  # fmt: skip


def _ignored(how, kind, actor, hours, number, so_far):
    """A row that must not count."""
    plain = decision(number, kind, actor, hours)
    if how in {"replayed", "base64 spelled otherwise"}:
        before = next((each for each in so_far if each.signature), None)
        if before is None:
            return replace(plain, signature=None)
        again = replace(before, id=number, run_id="another run")
        return again if how == "replayed" else replace(again, signature=_spelled_otherwise(before.signature))
    if how == "other evaluation" and kind == "approval":
        return decision(number, kind, actor, hours, evaluation=2)
    if how == "wrong role" and kind == "exception":
        return decision(number, kind, "bert", hours)
    if how == "too long" and kind == "exception":
        return decision(number, kind, actor, hours, expires_at=NOW + 8 * 24 * HOUR)
    return {
        "other key": decision(number, kind, actor, hours, key=EVE),
        "other bytes": decision(number, kind, actor, hours, artifact_sha256="b" * 64),
        "other version": decision(number, kind, actor, hours, version="v8"),
        "unknown person": replace(plain, actor="eve"),
        "from the future": decision(number, kind, actor, -hours),
        "trainer": decision(number, kind, "tom", hours, signed=False),
        "reworded": replace(plain, reason="something else"),
    }.get(how, replace(plain, signature=None))


def _spelled_otherwise(signature):
    """The same bytes in base64, where the bits that nobody reads differ."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stem = signature.rstrip("=")
    for letter in letters:
        changed = stem[:-1] + letter + "=" * (len(signature) - len(stem))
        if changed != signature and base64.b64decode(changed) == base64.b64decode(signature):
            return changed
    return signature


@pytest.mark.slow
@settings(max_examples=2_000 if LONG else 300, deadline=None)
@given(st.lists(st.one_of(_COUNTING, _IGNORED), max_size=12))
def test_rows_that_do_not_count_never_change_a_verdict_hundreds_of_times(rows):
    _require_the_same_verdict(rows)


@given(st.lists(st.one_of(_COUNTING, _IGNORED), max_size=12))
def test_rows_that_do_not_count_never_change_a_verdict(rows):
    _require_the_same_verdict(rows)


def _require_the_same_verdict(rows):
    with_all, counting = [], []
    for number, (how, kind, actor, hours) in enumerate(rows, start=1):
        if how == "counts":
            row = decision(number, kind, actor, hours)
            if kind == "exception" and actor == "bert":
                row = decision(number, "rejection", actor, hours)
            if any(row.signature == each.signature for each in counting):
                continue
            counting.append(row)
        else:
            row = _ignored(how, kind, actor, hours, number, counting)
        with_all.append(row)
    assert verdict(with_all) == verdict(counting)


@pytest.mark.parametrize("forged", [{"signed": False}, {"key": EVE}])
def test_a_forged_approval_does_not_erase_a_signed_rejection(forged):
    rejection = decision(1, "rejection", hours=5)
    assert verdict([rejection, decision(2, hours=1, **forged)])[0] == "refuse"
    assert verdict([rejection, decision(2, hours=1)])[0] == "promote"


def test_an_old_signed_approval_that_is_appended_again_changes_nothing():
    approval, rejection = decision(1, hours=9), decision(2, "rejection", hours=5)
    assert verdict([approval, rejection, replace(approval, id=3)])[0] == "refuse"


def test_decisions_count_in_the_order_of_the_times_that_were_signed():
    rejection, approval = decision(2, "rejection", hours=5), decision(1, hours=1)
    assert verdict([approval, rejection]) == verdict([rejection, approval])
    assert verdict([approval, rejection])[0] == "promote"


# --- withdrawals ---------------------------------------------------------------------------------------------------


def test_a_person_withdraws_their_own_decision():
    approval, rejection = decision(1, actor="anna"), decision(2, "rejection", "carla", hours=3)
    assert verdict([approval, rejection])[0] == "refuse"
    assert verdict([approval, rejection], [withdrawal(1, rejection)])[0] == "promote"
    assert verdict([approval], [withdrawal(1, approval)])[0] == "hold"


@pytest.mark.parametrize(
    "odd", [{"signed": False}, {"key": EVE}, {"actor": "anna"}, {"hours": 4}, {"hours": -1}],
    ids=["unsigned", "by another's key", "of somebody else's rejection", "before the decision", "from the future"],
)  # fmt: skip
def test_withdrawals_that_do_not_count_change_nothing(odd):
    approval, rejection = decision(1, actor="anna"), decision(2, "rejection", "carla", hours=3)
    assert verdict([approval, rejection], [withdrawal(1, rejection, **odd)]) == verdict([approval, rejection])


def test_a_withdrawal_of_another_decision_with_the_same_number_does_not_count():
    rejection = decision(2, "rejection", "carla", hours=3)
    other = replace(rejection, reason="something else")
    forged = replace(withdrawal(1, other), decision_id=rejection.id)
    assert verdict([decision(1), rejection], [forged])[0] == "refuse"


def test_anybody_who_may_decide_withdraws_a_waiver():
    waiver = decision(1, "exception", "anna")
    assert verdict([waiver])[4].keys() == {"freeze"}
    assert verdict([waiver], [withdrawal(1, waiver, actor="bert")])[4] == {}
    assert verdict([waiver], [withdrawal(1, waiver, actor="bert", signed=False)])[4].keys() == {"freeze"}


# --- names of older releases ---------------------------------------------------------------------------------------


def test_one_person_stays_one_person_however_the_name_was_spelled():
    policy = PromotionSettings(low=TierPolicy(approvals=2))
    dossier = Dossier(
        "champion", VERSION, [EVALUATION],
        [decision(1, actor=name, signed=False) for name in ("Anna", "anna", " ANNA ")], [], [], None,
    )  # fmt: skip
    rules = replace(RULES, promotion=policy)
    found = facts_of(dossier, rules, EVALUATION, Attribution("pia", NOW), matured_outcomes=lambda: 0, worth=tuple)
    assert found.approved_by == ("anna",)
