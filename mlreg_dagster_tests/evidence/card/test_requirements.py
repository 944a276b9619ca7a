"""Requirements: a catalogue with stable keys, and what their results make of a section."""

import re
from collections import Counter

from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.catalogue import REQUIREMENTS, of_section
from mlreg_dagster.evidence.card.elements import SECTIONS
from mlreg_dagster.evidence.card.requirements import THERE, Finding, all_of, unless, without
from mlreg_dagster_tests.evidence.cards import facts, finding, section, under


def test_keys_are_unique_stable_and_begin_with_their_section():
    assert [key for key, count in Counter(each.key for each in REQUIREMENTS).items() if count > 1] == []
    for each in REQUIREMENTS:
        assert re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", each.key)
        assert each.key.partition(".")[0] == each.section


def test_every_section_requires_something_and_every_requirement_has_a_source():
    assert all(of_section(key) for key in SECTIONS)
    assert all(each.sources and all(each.sources) and each.tiers and each.text for each in REQUIREMENTS)


def test_several_findings_are_as_bad_as_the_worst_which_comes_first():
    bad = [Finding("unknown", "Unknown."), Finding("missing", "Missing."), THERE, Finding("against", "Against.")]
    assert all_of(bad) == Finding("missing", "Missing. Against. Unknown.")
    assert all_of([THERE, THERE]) == all_of([]) == unless(None) == without([]) == THERE
    assert without(["One.", "Two."], "against") == Finding("against", "One. Two.")


def test_what_another_tier_requires_is_shown_and_keeps_nothing_from_being_complete(champion):
    low, high = make_card(champion[1]), make_card(under(champion[1], risk_tier="high"))
    text = "Notices of failed runs go to the log alone: notifications.yaml names no webhook."
    assert finding(low, "operations.notices") == finding(high, "operations.notices") == Finding("missing", text)
    assert text not in section(low, "operations").missing
    assert text in section(high, "operations").missing
    for card, required in ((low, False), (high, True)):
        (row,) = [row for row in facts(card, "operations", "Required in") if row["requirement"] == "operations.notices"]
        assert (row["state"], row["required"], row["finding"]) == ("missing", required, text)


def test_every_section_shows_what_it_requires(champion):
    card = make_card(champion[1])
    for part in card.sections:
        rows = facts(card, part.key, "Required in the risk tier low")
        assert [row["requirement"] for row in rows] == [each.key for each in of_section(part.key)]
