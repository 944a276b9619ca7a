"""What speaks against a version, and what is not known of it."""

import re
from dataclasses import replace

from mlreg_dagster.config.sections.governance import SuccessMetric
from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.context import Watch
from mlreg_dagster.evidence.card.elements import SECTIONS, Text, when
from mlreg_dagster.evidence.rendering import to_html
from mlreg_dagster.outcomes.performance.flagged_share import flagged_share
from mlreg_dagster_tests.evidence.cards import card_of, context_of, section, under
from mlreg_dagster_tests.lifecycle import DUE
from mlreg_dagster_tests.outcomes.frames import over_weeks


def test_a_rejected_version_has_its_evidence_too(trained):
    card = card_of(trained, "v3")
    assert card.missing == {}
    assert "FAILED its gates and holds no alias now" in card.headline
    assert card.against == ("v3 failed its gates: injection_average_precision.",)
    assert card.state == section(card, "evaluation").state == "against"
    assert _looks_good(card) is False
    assert card.answers["Who promoted it?"].startswith("No one")
    assert card.answers["How good since?"].startswith("Not known")
    assert card.answers["How to undo it?"] == "nothing: it is not champion"


def _looks_good(card):
    """Whether what one sees first is green."""
    (colour,) = re.findall(r'<h1>[^<]*<span class="state (\w+)">', to_html(card))
    return colour == "good"


def test_a_card_is_not_green_while_a_sentence_on_it_says_otherwise(champion):
    card = make_card(champion[1])
    assert (card.missing, card.against, card.state) == ({}, (), "unknown")
    assert not _looks_good(card)
    unsure = section(card, "monitoring").unknown
    assert any(each.endswith("unknown. There is too little evidence to judge the day.") for each in unsure)
    asked = "The use case asks that it is not worse than every simple ranking: not known: no outcome tells."
    assert asked in section(card, "monitoring").unknown
    assert card.headline.endswith("Not everything is known: see section 6.")
    complete = [each.key for each in card.sections if each.state == "complete"]
    assert complete == [key for key in SECTIONS if key not in ("monitoring", "bundle")]
    for part, each in zip(re.split(r"<h2 ", to_html(card))[1:], card.sections, strict=True):
        assert ('class="state good"' in part) == (each.state == "complete")
        sentences = " ".join(fact.text for fact in each.facts if isinstance(fact, Text))
        assert each.state != "complete" or not re.search("not (measured|known|tried|tell)", sentences), each.key


def test_what_was_not_tried_is_not_known(champion):
    card = make_card(replace(champion[1], reproduction=None))
    assert section(card, "reproducibility").state == "unknown"
    assert "It was not trained again for this card" in section(card, "reproducibility").unknown[0]
    assert card.headline.endswith("see section 6, 8.")


def test_a_champion_that_flags_too_much_has_it_in_its_headline(champion):
    live, context = champion
    limits = live.settings.evaluation.model_copy(update={"max_anomaly_rate": 0.02})
    flagged = flagged_share(live.warehouse, limits)
    card = make_card(replace(context, flagged=flagged))
    assert (card.state, card.against) == ("against", (flagged.text,))
    assert f"Against it: {flagged.text}" in card.headline
    assert not _looks_good(card)
    unsure = replace(flagged, state="unknown")
    assert flagged.text in section(make_card(replace(context, flagged=unsure)), "monitoring").unknown


def test_the_flagged_share_is_that_of_the_champion_alone(champion, live):
    assert champion[1].flagged.state == "within"
    live.promote("v1", DUE)
    assert context_of(live, "v2").flagged is None
    found = context_of(live, "v1").flagged
    assert found.state == "unknown"
    assert found.text.startswith("Not known: v1 has not scored the newest hour yet.")


def test_success_that_is_not_met_and_checks_that_failed_speak_against_it(champion):
    context = champion[1]
    asked = (SuccessMetric(metric="false_alarm_rate", at_most=0.001),)
    failed = {"asset": "predictions", "check": "flagged", "last result": "FAILED", "recorded": context.now}
    own = {"asset": "delivery_bundle", "check": "gate_06_monitoring", "last result": "FAILED", "recorded": context.now}
    outcomes = over_weeks(context.outcomes, 8)
    card = make_card(replace(under(context, success=asked), watch=Watch(checks=[failed, own]), outcomes=outcomes))
    assert card.against == (
        "The use case's false_alarm_rate is NOT met.",
        f"The check flagged of predictions failed last, at {when(context.now)}.",
    )


def test_what_a_move_rests_on_that_a_reader_must_know_speaks_against_it(champion):
    live, context = champion
    (move,) = context.moves[-1:]
    told = {
        "departures": ["max_anomaly_rate was 1.0 instead of 0.2"],
        "failed_before": ["evaluation 1 failed score_gap under other settings"],
        "changed_hours": 24,
    }
    evidence = {**move.evidence, "facts": {**move.evidence["facts"], **told}}
    card = make_card(replace(context, moves=[replace(move, evidence=evidence)]))
    for said in (
        "on an evaluation that was not done as configured: max_anomaly_rate was 1.0 instead of 0.2.",
        "although evaluation 1 failed score_gap under other settings.",
        "although 24 hours of its training data had changed since they were frozen.",
    ):
        assert said in card.headline
        assert said in card.answers["Who promoted it?"]
    assert live.registry.holder("champion").version == "v2"


def test_an_experiment_is_shown_as_one_and_leaves_the_headline_alone(live):
    live.attempt("evaluated_model", key="v3", config={"overrides": {"min_average_precision_margin": -1.0}})
    card = card_of(live, "v3")
    assert "FAILED its gates" in card.headline
    titles = [
        fact.title
        for fact in next(each for each in card.sections if each.key == "evaluation").facts
        if hasattr(fact, "title")
    ]
    assert any(
        "an experiment that admits nothing (min_average_precision_margin was -1.0 instead of 0.0)" in each
        for each in titles
    )
