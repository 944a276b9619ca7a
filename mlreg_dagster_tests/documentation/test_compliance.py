"""docs/compliance.md: in step with requirements, commands and cards; what is missing makes its section incomplete."""

import json
import re
import shutil
from dataclasses import replace

import pytest
from typer.main import get_command

from mlreg_dagster.cli import app
from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.evidence import bundles
from mlreg_dagster.evidence.card import build
from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.catalogue import REQUIREMENTS, of_section
from mlreg_dagster.evidence.card.elements import SECTIONS
from mlreg_dagster.evidence.card.requirements import Finding
from mlreg_dagster.evidence.rendering import to_json
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster_tests.compliance import PAGE, page, rows
from mlreg_dagster_tests.evidence.cards import context_of
from mlreg_dagster_tests.lifecycle import CONFIGS, Lifecycle, failure

SOURCE = re.compile(
    r"SR 11-7, [IV]+"
    r"|EU AI Act, (Art\. \d+(\(\d+\)(\([a-h]\))?)?|Annex IV [1-9](\([a-h]\))?)"
    r"|GDPR, Art\. \d+(\(\d+\)(\([a-h]\))?)?"
    r"|ISO/IEC 42001, A\.\d+(\.\d+)+"
    r"|NIST AI RMF, (GOVERN|MAP|MEASURE|MANAGE) \d\.\d+"
    r"|Mitchell et al\. 2019, [a-z ]+"
)


def test_the_page_is_in_step_with_requirements_and_rows():
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: python -m mlreg_dagster_tests.compliance"


def test_every_requirement_has_sources_and_exactly_one_kind_of_place():
    listed = rows()
    assert len(listed) + len(REQUIREMENTS) >= 45
    assert len({each.what for each in listed}) == len(listed)
    for each in listed:
        assert bool(each.facts or each.commands) != bool(each.outside), each.what
    sources = [source for each in [*listed, *REQUIREMENTS] for source in each.sources]
    assert [source for source in sources if not SOURCE.fullmatch(source)] == []
    assert all(each.sources for each in [*listed, *REQUIREMENTS])
    for family in ("SR 11-7", "EU AI Act", "ISO/IEC 42001", "NIST AI RMF", "Mitchell et al. 2019"):
        assert [source for source in sources if source.startswith(family)], family
    articles = {int(number) for source in sources for number in re.findall(r"Art\. (\d+)", source)}
    assert articles >= {*range(9, 16), 26}


def test_every_command_is_one():
    for each in rows():
        for text in each.commands:
            command = get_command(app)
            for name in text.split()[1:]:
                command = command.commands[name]


def walk(document):
    """The checklist over a card: every field is there, and what is not met keeps its section from being complete."""
    sections = document["sections"]
    for each in rows():
        for field in each.facts:
            section, _, fact = field.partition(".")
            assert fact in sections[section]["facts"], (field, each.what)
    assert {key for section in sections.values() for key in section["requirements"]} == {
        each.key for each in REQUIREMENTS
    }
    for key, section in sections.items():
        for requirement, result in section["requirements"].items():
            assert result["state"] in ("there", "missing", "against", "unknown")
            if result["required"] and result["state"] != "there":
                assert not section["complete"], (key, requirement)
                assert result["finding"] in section[result["state"]], (key, requirement)
        assert (section["state"] == "incomplete") == bool(section["missing"])


def in_high_tier(context):
    case = context.rules.use_case.model_copy(update={"risk_tier": "high"})
    return replace(context, rules=replace(context.rules, use_case=case))


@pytest.fixture(scope="module")
def context(live_home, tmp_path_factory):
    live = Lifecycle(shutil.copytree(live_home, tmp_path_factory.mktemp("compliance") / "home"))
    return context_of(live, "v2")


def test_the_checklist_over_the_champion_of_a_simulated_market(context):
    for each in (context, in_high_tier(context)):
        walk(json.loads(to_json(make_card(each))))


@pytest.mark.parametrize("state", ["missing", "against", "unknown"])
def test_every_requirement_that_is_not_met_keeps_its_section_from_being_complete(context, monkeypatch, state):
    """Each says so in its section; a section with a sentence is not complete."""
    monkeypatch.setattr(
        build,
        "of_section",
        lambda key: tuple(replace(each, find=lambda _, key=each.key: Finding(state, key)) for each in of_section(key)),
    )
    card = make_card(in_high_tier(context))
    sections = {each.key: each for each in card.sections}
    for requirement in REQUIREMENTS:
        assert requirement.key in getattr(sections[requirement.section], state), requirement.key
    expected = {"missing": "incomplete", "against": "against", "unknown": "unknown"}[state]
    assert {each.state for each in card.sections} | {card.state} == {expected}


@pytest.mark.slow
def test_the_checklist_over_a_replayed_champion_of_a_real_market_in_the_high_tier(data_dir, tmp_path):
    """Few coins and days; approvals are left out, as nobody decides within a replay."""
    light = {"approvals": 0, "gates": ["scoring_latency", "model_size"], "stable": False, "worth": None}
    configs = {
        **CONFIGS,
        "ingest": {
            "source": "archive",
            "start": "2017-12-08T00:00",
            "universe": 12,
            "archive": {"path": str(data_dir / "crypto_hourly_2017.parquet")},
        },
        "use_case": {"risk_tier": "high", "worth": None},
        "promotion": {"automatic": "passed", "high": light},
    }
    world = Lifecycle(tmp_path / "home", configs)
    first = as_hour("2017-12-14")
    policy = PromotionSettings.model_validate({"automatic": "passed", "high": light})
    run_replay(world, Replay(first, as_hour("2017-12-16"), 2, ("model",), policy), lambda *_: None)
    champion = world.registry.holder("champion")
    assert champion is not None, "one version passes its gates"
    outcome = world.attempt("delivery_bundle", key=champion.version)
    assert outcome.success, failure(outcome)
    document = json.loads((world.home / "bundles" / champion.version / bundles.JSON).read_text(encoding="utf-8"))
    walk(document)
    assert document["sections"]["lineage"]["facts"]["source"]["values"]["source"] == "archive"
    wanting = {key for key, section in document["sections"].items() if section["missing"]}
    assert wanting, "what people must write for a real market is not written"
    assert set(document["sections"]) == set(SECTIONS)
    assert document["state"] == "incomplete"
