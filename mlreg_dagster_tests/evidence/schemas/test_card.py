"""card.json and bundle.json: what is written fits its JSON Schema, keys are stable, values typed, times ISO 8601."""

import json
import re
import shutil

import jsonschema
import pytest

from mlreg_dagster.evidence import bundles
from mlreg_dagster.evidence.card.elements import SECTIONS, Picture, Section, Table, Text, Values
from mlreg_dagster.evidence.rendering import to_json
from mlreg_dagster.evidence.schemas.schema import schema_of
from mlreg_dagster_tests.evidence.cards import card_of
from mlreg_dagster_tests.lifecycle import Lifecycle

PROSE_TIME = re.compile(r"\d{4}-\d\d-\d\d[ -]\d\d:\d\d( UTC)?")
PROSE_VALUE = re.compile(r"#?-?[\d,]+(\.\d+)?( of \d+| %)?|yes|no")


def validator(name):
    schema = json.loads(schema_of(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


@pytest.fixture(scope="module")
def cards(live_home, tmp_path_factory):
    """Of the champion, and of a version that failed its gates."""
    live = Lifecycle(shutil.copytree(live_home, tmp_path_factory.mktemp("schemas") / "home"))
    return [card_of(live, name) for name in ("v2", "v3")]


def named_values(document):
    for section in document["sections"].values():
        for fact in section["facts"].values():
            for row in fact.get("rows", [fact.get("values", {})]):
                yield from row.items()


def test_cards_fit_their_schema(cards):
    check = validator("card")
    for card in cards:
        document = json.loads(to_json(card))
        check.validate(document)
        assert list(document["sections"]) == list(SECTIONS)
    broken = json.loads(to_json(cards[0])) | {"made_at": "2026-01-08 12:00 UTC"}
    assert [error.json_path for error in check.iter_errors(broken)] == ["$.made_at"]
    del broken["sections"]["lineage"]["facts"]["source"]["values"]
    assert len(list(check.iter_errors(broken))) == 2


def test_every_fact_has_a_key_of_its_own_without_dates(cards):
    for card in cards:
        for section in card.sections:
            facts = [fact for fact in section.facts if not isinstance(fact, Picture)]
            keys = [fact.key for fact in facts]
            assert [fact for fact in facts if not re.fullmatch("[a-z][a-z0-9_]*", fact.key)] == []
            assert len(set(keys)) == len(keys), section.key
            assert not [key for key in keys if re.search(r"\d{4}", key)]


def test_no_time_is_prose_where_a_program_reads_it(cards):
    for card in cards:
        assert [each for each in named_values(json.loads(to_json(card))) if PROSE_TIME.fullmatch(str(each[1]))] == []


def test_no_number_is_prose_where_a_program_reads_it(cards):
    for card in cards:
        values = [(name, value) for name, value in named_values(json.loads(to_json(card))) if name != "threshold"]
        assert [(name, text) for name, text in values if isinstance(text, str) and PROSE_VALUE.fullmatch(text)] == []


def test_facts_are_addressed_by_keys(cards):
    sections = json.loads(to_json(cards[0]))["sections"]
    assert sections["lineage"]["facts"]["source"]["values"]["first_hour"] == "2026-01-01T00:00:00+00:00"
    assert sections["promotion"]["facts"]["moves"]["rows"][0]["effective_from"] == "2026-01-05T12:00:00+00:00"
    assert sections["evaluation"]["facts"]["gates"]["rows"][0]["passed"] is True
    assert sections["operations"]["requirements"]["operations.contacts"]["state"] == "there"


def test_a_fact_without_a_key_is_still_there():
    facts = (Text("a"), Text("b"), Values("c", {}), Table("d", [], key="text"))
    assert list(Section("bundle", facts).by_key) == ["text", "text_2", "values", "text_3"]


def test_the_list_of_a_bundle_fits_its_schema(cards, tmp_path):
    bundles.write(tmp_path / "v2", cards[0], b"{}")
    validator("bundle").validate(json.loads((tmp_path / "v2" / bundles.LIST).read_text(encoding="utf-8")))
