"""Who was champion, with which badges and weights, is the same on every page as `mlreg champion --as-of` says."""

import html
import json
import os
import random
import re
import shutil
from datetime import datetime, timedelta

import pytest

from mlreg_dagster.core.json_values import plain
from mlreg_dagster.evidence.templating import shown
from mlreg_dagster.governance.moves import move_facts
from mlreg_dagster.governance.standing import alias_standing
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.records import suspensions, traffic
from mlreg_dagster_tests.governance.busy_registry import BEGIN
from mlreg_dagster_tests.pages.asked import BusyHome

_EVERY_PAGE = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
TIMES = 500 if _EVERY_PAGE else 75
IN_HTML = 20 if _EVERY_PAGE else 8


@pytest.fixture(scope="module")
def busy(tmp_path_factory) -> BusyHome:
    return BusyHome(tmp_path_factory.mktemp("busy") / "home")


def times(busy: BusyHome, count: int, seed: int) -> list[datetime]:
    """Times before the first move, between moves, and after the last one; some to the second of a move."""
    rng, moves = random.Random(seed), busy.registry.recorded_moves()
    span = busy.end - BEGIN + timedelta(days=80)
    anywhere = [BEGIN - timedelta(days=70) + rng.random() * span for _ in range(count * 9 // 10)]
    at_moves = [
        rng.choice(moves).effective_at + timedelta(seconds=rng.choice((-1, 0, 1))) for _ in range(count - len(anywhere))
    ]
    return [*anywhere, *at_moves]


def said(registry: Registry, when: datetime, alias: str = "champion") -> dict:
    """What the command prints, asked of the registry one by one, not of the function that command and pages share."""
    move, split = registry.holder(alias, when), registry.traffic(alias, when)
    split = split if split is not None and split.is_open else None
    changes = traffic.of_rollout([each for each in registry.traffic_history(alias) if each.effective_at <= when])
    facts = {
        "moves": [move_facts(move)] if move else [],
        "split": traffic.plain_facts(split),
        "paused": split is not None and traffic.is_paused(changes),
        "suspension": suspensions.plain_facts(registry.suspension(alias, when)),
    }
    return plain(facts)


def weights_of(standing: dict) -> dict[str, int]:
    """The shares of the versions by what the command prints, counted here in another way."""
    if not standing["moves"]:
        return {}
    holder, split = standing["moves"][0]["version"], standing["split"]
    if split is None:
        return {holder: 10_000}
    return {split["champion"]: 10_000 - split["weight"], split["candidate"]: split["weight"]}


def check_champions(busy: BusyHome, when: datetime, expected: dict) -> None:
    found = busy.facts("champions", as_of=when)
    assert found["standing"] == expected
    assert found["weights"] == weights_of(expected)
    assert found["is_suspended"] == (expected["suspension"] is not None)


def check_overview(busy: BusyHome, when: datetime, expected: dict) -> None:
    found = busy.facts("overview", as_of=when)["champion"]
    assert found["standing"] == expected
    assert found["weights"] == weights_of(expected)
    champion = [each for each in found["badges"] if each["kind"] == "champion"]
    assert len(champion) == len(expected["moves"])
    stopped = [each for each in found["badges"] if each["kind"] == "suspended" and each["alias"] == "champion"]
    assert bool(stopped) == (expected["suspension"] is not None)


def check_models(busy: BusyHome, when: datetime, expected: dict) -> None:
    rows = busy.facts("models", as_of=when)["versions"]
    by_kind = {
        kind: [
            row["version"]
            for row in rows
            for each in row["badges"]
            if each["kind"] == kind and each["alias"] == "champion"
        ]
        for kind in ("champion", "suspended", "rollout")
    }
    holder = [move["version"] for move in expected["moves"]]
    assert by_kind["champion"] == holder
    assert by_kind["suspended"] == (holder if expected["suspension"] else [])
    assert by_kind["rollout"] == ([expected["split"]["candidate"]] if expected["split"] else [])
    held = {each.version for each in busy.registry.history("champion") if each.effective_at <= when}
    before = [row["version"] for row in rows if any(_is(kind, each) for kind in _BEFORE for each in row["badges"])]
    assert set(before) == held - set(holder)


_BEFORE = ("former", "rolled_back")


def _is(kind: str, badge: dict) -> bool:
    return (badge["kind"], badge["alias"]) == (kind, "champion")


CHECKS = (check_champions, check_overview, check_models)


def test_every_page_says_at_any_time_what_the_command_says(busy):
    seen = set()
    for index, when in enumerate(times(busy, TIMES, seed=1)):
        expected = said(busy.registry, when)
        for check in CHECKS if _EVERY_PAGE else (CHECKS[index % len(CHECKS)],):
            check(busy, when, expected)
        seen.add((len(expected["moves"]), expected["split"] is not None, expected["suspension"] is not None))
    assert len(seen) >= 5  # nobody; a champion with and without a rollout, suspended or not


def text_of(page: str) -> str:
    """What readers see of a page, without tags, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_what_readers_see_is_what_the_twin_says(busy):
    for when in times(busy, IN_HTML, seed=2):
        found = alias_standing(busy.registry, "champion", when)
        shares = ", ".join(f"{version} {shown(weight / 100)} %" for version, weight in found.weights.items())
        for key in ("overview", "champions"):
            text = text_of(busy.html(key, as_of=when)).replace(" ,", ",")
            assert " ".join(found.in_words.split()) in text
            assert all(remark in text for remark in found.remarks)
            assert shares in text


def test_the_command_itself_says_the_same(busy, mlreg, own_home):
    shutil.copytree(busy.folder, own_home)
    for when in [*times(busy, 2, seed=3), busy.end]:
        answer = mlreg("champion", "--as-of", when.isoformat(), "--json")
        found = busy.facts("champions", as_of=when)
        assert json.loads(answer.out) == found["standing"], answer.err
    before = BEGIN - timedelta(days=70)
    answer = mlreg("champion", "--as-of", before.isoformat(), "--json")
    assert answer.code == 1
    assert busy.facts("champions", as_of=before)["sentence"] in answer.err


def test_other_aliases_and_the_slider(busy):
    when = busy.end - timedelta(days=3)
    for alias in ("challenger", "other"):
        assert busy.facts("champions", alias=alias, as_of=when)["standing"] == said(busy.registry, when, alias)
    first = busy.registry.history("champion")[0].effective_at
    slid = busy.facts("champions", at=400)
    assert slid["slider"]["at"] == 400
    assert slid["standing"] == said(busy.registry, first + timedelta(hours=400))
    assert 'value="400"' in busy.html("champions", at=400)
    written = busy.facts("champions", at=400, as_of=when)  # what is written out comes before the slider
    assert written["standing"] == said(busy.registry, when)
    for wrong in ("-1", "1e3", "99999999", "²"):
        busy.html("champions", status=400, at=wrong)
    busy.html("champions", status=404, alias="nobody's")


def test_each_change_is_there_with_its_weights_and_its_audit_record(busy):
    changes, page = [], 1
    while True:
        found = busy.facts("champions", page=page)
        changes += found["changes"]
        if page == found["list_page"]["count"]:
            break
        page += 1
    registry = busy.registry
    of_kind = {kind: [each for each in changes if each["kind"] == kind] for kind in ("move", "rollout", "suspension")}
    assert [each["version"] for each in of_kind["move"]][::-1] == [
        each.version for each in registry.history("champion")
    ]
    assert len(of_kind["rollout"]) == len(registry.traffic_history("champion"))
    assert len(of_kind["suspension"]) == len(registry.suspensions("champion"))
    log = {record.sequence: record for record in registry.audit_log()}
    for each in changes:
        assert each["reason"] in log[each["audit_record"]].content
        assert sum(each["weights"].values()) == 10_000
    busy.html("champions", status=400, page=page + 1)
