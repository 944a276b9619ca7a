"""What waits for people: versions newer than the champion, what keeps them, and requests that did not go through."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mlreg_dagster.config import load_settings
from mlreg_dagster.governance.policy.in_force import Rules, rules_of
from mlreg_dagster.governance.standing import standings
from mlreg_dagster.governance.waiting import WaitingVersion, pending_refusals, waiting_versions
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster_tests.registry.builders import GOOD, NOW, evaluate, move, register, sha

LATER = NOW + timedelta(days=1)
RULES = rules_of(load_settings())


@pytest.fixture
def home(tmp_path) -> Registry:
    """v1 is champion; v2 is older news; v3 is evaluated and waits, v4 is a candidate."""
    registry = Registry(f"sqlite:///{tmp_path}/r.db")
    for version in ("v1", "v2", "v3", "v4"):
        register(registry, version, created_at=NOW)
    thresholds = RULES.evaluation.model_dump(mode="json")
    for version in ("v1", "v2", "v3"):
        evaluate(registry, version, GOOD, thresholds=thresholds, holdout_day="2017-12-19", recorded_at=NOW)
    move(registry, "v2", None, time=NOW, effective_at=NOW)
    return registry


def asking(approvals: int, *people: str) -> Rules:
    """Rules that ask for approvals of these people."""
    known = {name: {"roles": ("risk officer",) if name == "rita" else ()} for name in people}
    asked = RULES.promotion.model_dump()
    tier = RULES.use_case.risk_tier
    asked |= {"people": known, "separation_of_duties": True, tier: {**asked[tier], "approvals": approvals}}
    return replace(RULES, promotion=type(RULES.promotion).model_validate(asked))


def waiting(registry: Registry, rules: Rules = RULES, as_of=LATER) -> list[WaitingVersion]:
    found = standings(registry, as_of)
    return waiting_versions(registry, found, rules, matured_outcomes=lambda _: 0, worth=lambda _: ())


def test_evaluated_versions_newer_than_the_champion_wait(home):
    assert [each.version for each in waiting(home)] == ["v3"]
    assert waiting(home, as_of=NOW - timedelta(seconds=1)) == []
    move(home, "v3", "v2", time=LATER, effective_at=LATER)
    assert waiting(home) == []


def test_missing_approvals_and_who_may_give_them(home):
    (found,) = waiting(home, asking(2, "ann", "rita", "sam"))
    assert found.outcome == "hold"
    assert found.approvals == 2
    assert found.approved_by == ()
    assert "0 of 2 approvals are there" in found.reasons
    assert found.may_approve == "rita (risk officer), sam"  # ann has trained it
    by = Attribution("rita", NOW + timedelta(hours=1), "it is good")
    home.decide("approval", "v3", by, artifact_sha256=sha("v3"), evaluation_id=home.evaluations("v3")[-1].id)
    (found,) = waiting(home, asking(2, "ann", "rita", "sam"))
    assert (found.approved_by, found.may_approve) == (("rita",), "sam")
    (before,) = waiting(home, asking(2, "ann", "rita", "sam"), as_of=NOW + timedelta(minutes=1))
    assert before.approved_by == ()


def test_people_who_are_asked_for_no_approval_are_not_waited_for(home):
    (found,) = waiting(home)
    assert found.approvals == 0
    assert found.may_approve == "no approval asked"


def test_requests_stay_until_they_go_through(home):
    version = home.version("v3")
    assert version.artifact_sha256 == sha("v3")
    by = Attribution("sam", NOW + timedelta(hours=1), "please")
    home.record_refusal("champion", version, "hold", "an approval is missing", by)
    assert [each.because for each in pending_refusals(home, standings(home, LATER))] == ["an approval is missing"]
    assert pending_refusals(home, standings(home, NOW)) == []
    move(home, "v3", "v2", time=LATER, effective_at=LATER)
    assert pending_refusals(home, standings(home, LATER)) == []
