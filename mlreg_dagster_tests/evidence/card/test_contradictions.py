"""Twelve contradictions, each planted in a small world: the headline has it, its section is not complete.

Each has its counterpart: the same world without the contradiction has no such sentence.
"""

import re
import shutil
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import NamedTuple

import pandas as pd
import pytest

from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.governance.decisions.decide import DecisionRequest, decide
from mlreg_dagster.governance.decisions.signing import make_key
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.registry import Attribution
from mlreg_dagster_tests.evidence.card.test_drift import decide as decide_on_drift
from mlreg_dagster_tests.evidence.cards import card_of, context_of, facts, finding, section
from mlreg_dagster_tests.lifecycle import CONFIGS, NOW, Lifecycle
from mlreg_dagster_tests.outcomes.frames import over_weeks

LATER = "2026-01-09T12:00:00"
FREEZE = {"first": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z", "reason": "holidays"}
EASY = {"approvals": 0, "gates": [], "stable": False, "worth": None}


def by(actor, reason="a test wants it"):
    return Attribution(actor, pd.Timestamp(NOW, tz="UTC"), reason)


def under(world, **configs):
    """The same home under other files, which are put in force."""
    return Lifecycle(world.home, configs)


def several_weeks(live):
    outcomes = over_weeks(live.warehouse.read(PREDICTION_OUTCOMES), 8)
    live.warehouse.write(PREDICTION_OUTCOMES, outcomes, outcomes["hour"].drop_duplicates())


def false_alarms_at_most(share):
    return {"success": [{"metric": "false_alarm_rate", "at_most": share}]}


def signing(live):
    return {"people": {"anna": {"public_key": make_key(live.home / "anna.pem")}, "tester": {}}}


def champion_with_one_in_each_section(live):
    """A metric that is not met, a market that is simulated, a gate, a signature and a way back that are missing."""
    several_weeks(live)
    decide(live.registry, DecisionRequest("approval", "v2"), by("anna"), live.settings.promotion)
    decide(live.registry, DecisionRequest("rejection", "v1"), by("tester"), live.settings.promotion)
    asks = {**signing(live), "low": {**EASY, "gates": ["noise_robustness"]}}
    card = card_of(under(live, use_case={**false_alarms_at_most(0.001), "for_real_use": True}, promotion=asks), "v2")
    (refused,) = card.missing["gate_07_rollback"]
    assert card.answers["How to undo it?"] == facts(card, "rollback", "How to undo")["command"] == refused
    return card


def champion_without(live):
    several_weeks(live)
    decide_on_drift(live, date(2026, 1, 7), "v2", "stable")
    world = under(live, use_case=false_alarms_at_most(0.999), promotion=signing(live))
    key = live.home / "anna.pem"
    decide(world.registry, DecisionRequest("approval", "v2"), by("anna"), world.settings.promotion, key)
    return card_of(world, "v2")


def tier_lowered(live):
    high = under(live, use_case={"risk_tier": "high"}, promotion={"high": EASY})
    high.promote("v1", alias="stable")
    return card_of(under(live, use_case={"risk_tier": "low"}, promotion={"high": EASY}), "v1")


def tier_kept(live):
    high = under(live, use_case={"risk_tier": "high"}, promotion={"high": EASY})
    high.promote("v1", alias="stable")
    return card_of(high, "v1")


def high_risk(live):
    """Its card offers the champion before, who came in under the low tier, as the way back, and it is one."""
    high = under(live, use_case={"risk_tier": "high"})
    card = card_of(high, "v2")
    high.promote("v1", reason="v2 cried wolf", actor="bob")  # as the card says
    assert high.registry.holder("champion").version == "v1"
    return card


def evaluation_edited_and_the_failed_one_approved(live):
    """The approval is as an older release recorded it, or a person with access to the database."""
    version, latest = live.registry.version("v3"), live.registry.latest_evaluation("v3")
    live.registry.decide(
        "approval", "v3", by("anna"), artifact_sha256=version.artifact_sha256, evaluation_id=latest.id
    )  # fmt: skip
    easier = under(live, evaluation={**CONFIGS["evaluation"], "min_average_precision_margin": -1.0})
    assert easier.attempt("evaluated_model", key="v3", config={"actor": "tester"}).success
    assert easier.registry.status("v3") == "evaluated"
    return card_of(easier, "v3")


def waiver_by_the_trainer(live):
    lax = under(live, promotion={"separation_of_duties": False, "freezes": [FREEZE]})
    until = pd.Timestamp(NOW, tz="UTC") + pd.Timedelta(days=1)
    request = DecisionRequest("exception", "v1", waives=("freeze",), expires_at=until)
    decide(lax.registry, request, by("tester"), lax.settings.promotion)
    lax.promote("v1", alias="stable", actor="bob")
    return card_of(lax, "v1")


def waiver_by_another(live):
    frozen = under(live, promotion={"freezes": [FREEZE]})
    until = pd.Timestamp(NOW, tz="UTC") + pd.Timedelta(days=1)
    request = DecisionRequest("exception", "v1", waives=("freeze",), expires_at=until)
    decide(frozen.registry, request, by("anna"), frozen.settings.promotion)
    frozen.promote("v1", alias="stable", actor="bob")
    return card_of(frozen, "v1")


def stale_market_and_drift_unknown(live):
    decide_on_drift(live, date(2026, 1, 7), "v2", "unknown", "There is too little evidence to judge the day.")
    return make_card(context_of(live, "v2", now=LATER))


def stale_training(live):
    return card_of(under(live, retraining={"champion_max_age_days": 1}), "v2")


def source_changed(live):
    with live.warehouse.connect() as connection:
        connection.execute("UPDATE market_snapshot SET source = 'archive' WHERE hour >= '2026-01-06'")
    return card_of(live, "v2")


def untouched_and_rejected(live):
    return card_of(live, "v3")


class Planted(NamedTuple):
    """A contradiction, and the same without it; None: the champion's card, as it is.

    A world may hold several, each in a section of its own.
    """

    plant: Callable
    leave: Callable | None
    requirement: str
    state: str
    sentence: str


PLANTED = (
    Planted(
        champion_with_one_in_each_section,
        champion_without,
        "monitoring.success",
        "against",
        r"The use case's false_alarm_rate is NOT met\.",
    ),
    Planted(
        tier_lowered,
        tier_kept,
        "promotion.tier",
        "against",
        r"It became stable in the risk tier high, and the tier was lowered to low since, adopted by tester on 2026-",
    ),
    Planted(
        champion_with_one_in_each_section,
        None,
        "lineage.real_source",
        "against",
        r"Its market is simulated, and the use case is for real use: no figure here",
    ),
    Planted(
        high_risk,
        None,
        "lineage.real_source",
        "against",
        r"Its market is simulated, and the risk tier is high: no figure here",
    ),
    Planted(
        evaluation_edited_and_the_failed_one_approved,
        untouched_and_rejected,
        "evaluation.same_settings",
        "against",
        r"Evaluation 3 failed injection_average_precision; evaluation 4 passed after changes: "
        r"min_average_precision_margin: 0.0 → -1.0",
    ),
    Planted(
        waiver_by_the_trainer,
        waiver_by_another,
        "promotion.waivers",
        "against",
        r"tester, who trained it, waived freeze for it\.",
    ),
    Planted(
        champion_with_one_in_each_section,
        None,
        "rollback.permitted",
        "missing",
        r"v1, the champion before, can't take over: v1 must not become champion: rejected by tester",
    ),
    Planted(
        evaluation_edited_and_the_failed_one_approved,
        untouched_and_rejected,
        "promotion.approvals_of_passed",
        "against",
        r"anna approved evaluation 3, which failed injection_average_precision\.",
    ),
    Planted(
        stale_market_and_drift_unknown,
        None,
        "lineage.market_fresh",
        "against",
        r"The data are stale: the market's newest hour is 2026-01-06 23:00 UTC, 61 hours before",
    ),
    Planted(
        stale_training,
        None,
        "lineage.training_fresh",
        "against",
        r"The data are stale: its training data end 3 days before the newest hour that it scores",
    ),
    Planted(
        champion_with_one_in_each_section,
        None,
        "evaluation.gates_measured",
        "missing",
        r"The risk tier low asks for gates that were not measured: noise_robustness\.",
    ),
    Planted(
        stale_market_and_drift_unknown,
        champion_without,
        "monitoring.drift",
        "unknown",
        r"Drift on 2026-01-07: unknown\. There is too little",
    ),
    Planted(
        champion_with_one_in_each_section,
        champion_without,
        "promotion.signed",
        "against",
        r"names a key for anna, and the approval #1 is not signed: it counts for nothing\.",
    ),
    Planted(
        source_changed,
        None,
        "lineage.source_unchanged",
        "against",
        r"Its source changed since training: it was trained on simulated, and scores archive",
    ),
)


@pytest.fixture(scope="module")
def untouched(champion):
    """The champion's card in a world in which nothing is planted."""
    return make_card(champion[1])


@pytest.fixture(scope="module")
def cards(live_home, tmp_path_factory):
    """The card of each world, which is made once."""

    @cache
    def card(make):
        return make(Lifecycle(shutil.copytree(live_home, tmp_path_factory.mktemp("planted") / "home")))

    return card


def titled(planted):
    return planted.requirement


@pytest.mark.parametrize("planted", PLANTED, ids=titled)
def test_a_contradiction_is_in_the_headline_and_its_section_is_not_complete(cards, planted):
    card = cards(planted.plant)
    found = finding(card, planted.requirement)
    assert found.state == planted.state
    assert re.search(planted.sentence, card.headline)
    own = section(card, planted.requirement.partition(".")[0])
    assert own.state not in ("complete", "unknown") or planted.state == "unknown" == own.state
    assert section(card, "bundle").state != "complete"
    assert card.state != "complete"
    assert "Every section is complete" not in card.headline


def test_each_contradiction_of_a_world_is_in_a_section_of_its_own():
    planted = [(each.plant, each.requirement.partition(".")[0]) for each in PLANTED]
    assert len(set(planted)) == len(planted)


@pytest.mark.parametrize("planted", PLANTED, ids=titled)
def test_without_it_there_is_no_such_sentence(cards, untouched, planted):
    card = cards(planted.leave) if planted.leave else untouched
    assert finding(card, planted.requirement).state == "there"
    texts = [card.headline, *card.answers.values(), *(each.text for part in card.sections for each in part.remarks)]
    assert not any(re.search(planted.sentence, text) for text in texts)


def test_a_simulated_market_is_named_in_every_headline(untouched):
    assert "Its market is simulated." in untouched.headline


def test_the_policy_of_the_registry_counts_and_a_mismatch_is_named(live):
    Lifecycle(live.home, {"use_case": {"risk_tier": "high"}})
    reader = Lifecycle(live.home, {"use_case": {"risk_tier": "low"}}, adopts=False)
    card = card_of(reader, "v2")
    assert "As champion it needs 2 approvals in the risk tier high, and 0 count." in card.headline
    assert re.search("The risk tier high asks for gates that were not measured: .*model_size", card.headline)
    assert "are not the policy in force, by which it judges: use_case.risk_tier: high → low." in card.headline
    refused = finding(card, "rollback.permitted")
    assert "The configuration files ask for another policy than the one in force" in refused.text


def test_a_way_back_across_a_change_of_the_tier_is_offered_and_what_is_stricter_is_told(cards):
    """None of the strict gates was measured."""
    card = cards(high_risk)
    assert finding(card, "rollback.permitted").state == "there"
    assert card.answers["How to undo it?"] == 'mlreg rollback v1 --reason "…"'
    told = next(fact for fact in section(card, "rollback").facts if getattr(fact, "key", "") == "undo").values
    assert "noise_robustness was not measured" in told["asked beyond what admitted that version"]
    assert told["its own predictions scored again"] > 0
