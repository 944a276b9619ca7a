"""Five figures of each section of a card and more, computed again by code that shares nothing with ours: equal."""

import ast
import json
import math
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from mlreg_dagster.config import shipped
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.elements import SECTIONS
from mlreg_dagster.evidence.rendering import to_json
from mlreg_dagster.governance.decisions.decide import DecisionRequest, decide
from mlreg_dagster.registry import WAIVER, Attribution
from mlreg_dagster_tests.evidence import recomputed
from mlreg_dagster_tests.evidence.cards import context_of
from mlreg_dagster_tests.lifecycle import LIVE, NOW, Lifecycle
from mlreg_dagster_tests.registry.builders import add_to_incident, open_incident, roll_out, shift, split

AT = pd.Timestamp(NOW, tz="UTC")
ENOUGH = 5


@pytest.fixture(scope="module")
def home(live_home, tmp_path_factory):
    """Beside two promotions and outcomes: a day judged for drift, a waiver, an approval, a rollback that a promotion
    undid, a rollout that was rolled back, a refused promotion, an incident, and hours repaired since the training."""
    folder = tmp_path_factory.mktemp("recomputed") / "home"
    shutil.copytree(live_home, folder)
    world = Lifecycle(folder)
    registry, policy = world.registry, world.settings.promotion
    waiver = DecisionRequest(WAIVER, "v2", ("freeze",), (AT + pd.Timedelta(hours=3)).floor("h"))
    decide(registry, waiver, Attribution("anna", AT, "the freeze is for others"), policy)
    decide(registry, DecisionRequest("approval", "v2"), Attribution("bert", AT, "looked at the flags"), policy)
    world.promote("v1", reason="v2 flags too much")
    world.promote("v2", reason="it did not after all")
    with pytest.raises(MlregError):
        world.promote("v3")
    roll_out(registry, "v1", time=AT)
    shift(registry, split("rolled_back", 0, "roll_back"), time=AT)
    open_incident(registry, LIVE, time=AT)
    add_to_incident(registry, "resolved", time=AT)
    open_incident(registry, LIVE, time=AT, severity="ticket")
    with duckdb.connect(folder / "warehouse.duckdb") as connection:
        connection.execute(
            "UPDATE market_features SET change_1h_pct = change_1h_pct + 3 "
            "WHERE epoch(hour) % 86400 < 7200 AND hour < TIMESTAMPTZ '2026-01-04 00:00:00+00'"
        )
    return folder


@pytest.fixture(scope="module", params=["v1", "v2"])
def card(home, request):
    """A version, and its card.json: of a version that was champion, and of the champion."""
    context = context_of(Lifecycle(home), request.param, verify=True)
    return request.param, json.loads(to_json(make_card(context)))


@pytest.fixture(scope="module")
def compared(home, card):
    """Of each figure: its place, what the card says, and what is computed."""
    version, document = card
    found = recomputed.figures(home, version, shipped("docs/runbook.md"))
    return [(place, in_card(document, place), value) for place, value in found.items()]


def in_card(document, place):
    """What stands at a place: a row has a number, or is found by what its cells hold; `len` asks how many there are."""
    section, key, *inner = place
    fact = document["sections"][section]["facts"][key]
    if inner == [len]:
        return len(fact["rows"])
    if len(inner) == 1:
        return at(fact["values"], inner[0])
    row, name = inner
    if isinstance(row, recomputed.Row):
        (found,) = [each for each in fact["rows"] if row.items() <= each.items()]
        return found[name]
    return fact["rows"][row][name]


def at(values, name):
    if name in values:
        return values[name]
    inner = values
    for part in name.split("."):
        inner = inner[part]
    return inner


def equal(said, value):
    if isinstance(value, list):
        return len(said) == len(value) and all(map(equal, said, value))
    if isinstance(value, float):
        return math.isclose(said, value, rel_tol=1e-12, abs_tol=1e-12)
    return said == value and type(said) is type(value)


def test_each_figure_is_what_the_files_of_the_home_say(compared):
    wrong = [f"{place}: {said!r}, computed {value!r}" for place, said, value in compared if not equal(said, value)]
    assert not wrong, "\n".join(wrong)


def test_there_are_five_of_each_of_the_ten_sections(card, compared):
    version, _ = card
    counts = {section: sum(place[0] == section for place, _, _ in compared) for section in SECTIONS}
    too_few = {section for section, count in counts.items() if count < ENOUGH}
    assert too_few == (set() if version == "v2" else {"rollback"}), counts  # only the champion has a way back


def test_they_are_no_zeros_alone(compared):
    for section in SECTIONS:
        values = [value for place, _, value in compared if place[0] == section and value not in (0, None, [], "")]
        assert len(values) >= ENOUGH or section == "rollback", section


def test_what_computes_them_shares_nothing_with_the_package():
    source = Path(recomputed.__file__).read_text(encoding="utf-8")
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module))
    assert {name.split(".")[0] for name in imported} == {
        "collections", "contextlib", "datetime", "duckdb", "hashlib", "json", "numpy", "pathlib", "sqlite3", "typing",
    }  # fmt: skip
    assert "__import__" not in source
    assert "importlib" not in source
