"""What the contents require: missing, contradicted and unknown, in the section that lacks it."""

from dataclasses import replace
from datetime import date

import pytest

from mlreg_dagster.config.sections.documentation import Documentation, ValidationPlan
from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.contents.required import REQUIREMENTS
from mlreg_dagster.evidence.card.requirements import check
from mlreg_dagster_tests.evidence.cards import facts, section, under

BY_KEY = {each.key: each for each in REQUIREMENTS}
WRITTEN = {
    "use_case.intended_use": {"intended_use": None},
    "use_case.out_of_scope": {"out_of_scope": None},
    "use_case.limits": {"limits": None},
    "use_case.affected": {"affected": None},
    "lineage.origin": {"data": {"origin": None}},
    "lineage.licence": {"data": {"licence": None}},
    "lineage.collection": {"data": {"collection": None}},
    "operations.oversight": {"oversight": {"stop_within_minutes": None}},
    "operations.contact_roles": {"contacts": ()},
    "operations.personal_data": {"personal_data": None},
    "operations.retention": {"retention": None},
    "operations.security": {"security": None},
    "evaluation.validation": {},
}
"""Requirement, and the change of the shipped texts by which it is not met."""


def finding(context, key):
    (checked,) = check([BY_KEY[key]], context, "high")
    return checked.finding


def documented(champion, documentation, **changes):
    return under(champion[1], documentation=documentation, **changes)


@pytest.fixture
def shipped(champion):
    return champion[0].settings.use_case.documentation or Documentation()


@pytest.fixture
def whole():
    from mlreg_dagster.config import load_settings

    return load_settings().use_case.documentation


@pytest.mark.parametrize("key", WRITTEN)
def test_what_people_did_not_write_is_missing_in_the_high_tier_and_shown_in_the_low(champion, whole, key):
    requirement = BY_KEY[key]
    lacking = whole.override(WRITTEN[key])
    assert finding(documented(champion, lacking), key).state == "missing"
    for tier, missed in (("high", True), ("low", False)):
        card = make_card(documented(champion, lacking, risk_tier=tier))
        text = finding(documented(champion, lacking), key).text
        assert (text in section(card, requirement.section).missing) == missed
        rows = {row["requirement"]: row for row in facts(card, requirement.section, "Required")}
        assert rows[key]["finding"] == text


@pytest.mark.parametrize("key", WRITTEN)
def test_what_people_wrote_is_there(champion, whole, key):
    validated = {"validation": {"last": "2026-01-01", "by": "second line", "next": "2027-01-01"}}
    assert finding(documented(champion, whole.override(validated)), key).state == "there"


def test_without_the_block_everything_that_people_write_is_missing(champion):
    context = documented(champion, None)
    assert {finding(context, key).state for key in WRITTEN} == {"missing"}


@pytest.mark.parametrize(("due", "state"), [(date(2026, 1, 7), "against"), (date(2026, 1, 8), "there")])
@pytest.mark.parametrize("tier", ["low", "high"])
def test_a_validation_that_is_overdue_speaks_against_it_in_every_tier(champion, due, state, tier):
    plan = ValidationPlan(last=date(2025, 1, 1), by="second line", next=due)
    context = documented(champion, Documentation(validation=plan), risk_tier=tier)
    assert finding(context, "evaluation.validation_due").state == state  # the card is of 2026-01-08
    card = make_card(context)
    assert ("The next validation was due on 2026-01-07." in card.against) == (state == "against")


def test_a_text_that_was_changed_since_the_promotion_is_told(champion, shipped, whole):
    context = champion[1]
    assert context.holders["champion"].evidence["documentation"] == shipped.text_hashes  # kept with the move
    key = "use_case.texts_unchanged"
    assert finding(context, key).state == "there"
    changed = documented(champion, whole.override({"limits": "It is worse than everybody thought it was."}))
    told = finding(changed, key)
    assert told.state == "against"
    assert "limits" in told.text
    assert "since it became champion" in told.text
    rows = {row["text"]: row["since the moves"] for row in facts(make_card(changed), "use_case", "Texts")}
    assert rows["limits"] == "changed"


def test_a_move_of_before_there_were_texts_leaves_that_unknown(champion):
    context = champion[1]
    move = context.holders["champion"]
    bare = {name: value for name, value in move.evidence.items() if name != "documentation"}
    earlier = replace(context, holders={**context.holders, "champion": replace(move, evidence=bare)})
    assert finding(earlier, "use_case.texts_unchanged").state == "unknown"


def test_a_dataset_of_before_there_were_source_records_says_so(champion):
    context = champion[1]
    lineage = {name: value for name, value in context.training.lineage.items() if name != "source"}
    earlier = replace(context, training=replace(context.training, lineage=lineage))
    assert finding(earlier, "lineage.source_recorded").state == "missing"
    assert "The source was not recorded" in str(section(make_card(earlier), "lineage").facts)


def _covering(context, **changes):
    return replace(context, more=replace(context.more, coverage=replace(context.more.coverage, **changes)))


def test_a_training_that_does_not_resemble_what_is_scored_speaks_against_it(champion):
    context, key = champion[1], "lineage.representative"
    regimes = {name: {"calm": 9, "usual": 9, "turbulent": 9} for name in ("market", "training", "week")}
    seen = _covering(context, hours_by_regime=regimes, unknown_now=[])
    assert finding(seen, key).state == "there"
    few = finding(_covering(seen, instruments_now=10, unknown_now=["a", "b", "c"]), key)
    assert (few.state, "70% of the instruments" in few.text) == ("against", True)
    calm = {**regimes, "training": {"calm": 9, "usual": 9, "turbulent": 0}}
    unseen = finding(_covering(seen, hours_by_regime=calm), key)
    assert (unseen.state, "turbulent" in unseen.text) == ("against", True)
    assert finding(_covering(seen, rows=0), key).state == "unknown"
    assert finding(replace(context, more=replace(context.more, coverage=None)), key).state == "unknown"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (None, "missing"),
        ({"package": {"version": "0.1.0", "from": "installation"}}, "there"),
        ({"package": {"version": "0.1.0", "from": "checkout", "commit": "abc", "dirty": False}}, "there"),
        ({"package": {"version": "0.1.0", "from": "checkout", "commit": "abc", "dirty": True}}, "against"),
        ({"package": {"version": "0.1.0"}, "project": {"commit": "abc", "dirty": None}}, "unknown"),
    ],
)
def test_the_code_is_a_release_or_a_commit_without_changes(champion, code, state):
    context = champion[1]
    manifest = {name: value for name, value in context.version.manifest.items() if name != "code"}
    version = replace(context.version, manifest=manifest | ({"code": code} if code else {}))
    assert finding(replace(context, version=version), "reproducibility.commit").state == state


def test_a_bill_of_recorded_libraries_alone_is_not_enough(champion):
    context = champion[1]
    assert finding(context, "reproducibility.bill_of_materials").state == "there"
    earlier = replace(context, more=replace(context.more, bill_is_of_training=False))
    assert finding(earlier, "reproducibility.bill_of_materials").state == "missing"


def test_performance_that_was_not_measured_is_unknown(champion):
    context = champion[1]
    assert finding(context, "monitoring.segments").state == "unknown"  # a single day has no interval
    silent = replace(context, outcomes=context.outcomes.iloc[:0], more=replace(context.more, segments=(), episodes=()))
    assert finding(silent, "monitoring.segments").state == "unknown"
    assert finding(silent, "monitoring.episodes").state == "unknown"
    assert finding(context, "monitoring.episodes").state == "there"
    missed = [{**each, "first_flag": None, "lead_hours": None} for each in context.more.episodes]
    blind = replace(context, more=replace(context.more, episodes=missed))
    assert finding(blind, "monitoring.episodes").state == "against"


def test_flags_without_a_reason_are_missing_theirs(champion):
    context = champion[1]
    assert finding(context, "monitoring.reasons").state == "there"
    assert finding(replace(context, reasons=context.reasons.iloc[:0]), "monitoring.reasons").state == "missing"


def test_every_requirement_names_where_it_is_asked_for():
    assert all(each.sources and each.tiers and each.text for each in REQUIREMENTS)
    assert len(BY_KEY) == len(REQUIREMENTS)
