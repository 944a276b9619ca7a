"""What the page says rests on an hour, against an oracle that looks at every row by itself.

With MLREG_LONG=1 fifty hours are asked; otherwise a third of them, which has each kind of fact.
"""

from datetime import datetime
from types import SimpleNamespace

import pytest

from mlreg_dagster.core.hours import hour_key
from mlreg_dagster.pages.hour.blast import SHOWN
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader
from mlreg_dagster_tests.incidents.asked import ASKED, differing, home, oracle
from mlreg_dagster_tests.incidents.oracle import Oracle, as_facts
from mlreg_dagster_tests.market.frames import at
from mlreg_dagster_tests.pages.hour.builders import client_on
from mlreg_dagster_tests.serving.running import LONG

__all__ = ["home", "oracle"]

_TIMES = {"hour", "first", "last", "until", "opened", "ended"}


@pytest.fixture(scope="module")
def site(home):
    assert MirrorReader(home.folder).newest() is not None
    return client_on(home.folder, home.settings)


def asking(site, **query):
    """Asks the twin of the page, and gives its facts in the shape of the oracle's."""

    def ask(offset, instrument):
        parameters = query | ({"instrument": instrument} if instrument else {})
        answer = site.get(f"/hours/{hour_key(at(offset))}/impact.json", params=parameters)
        assert answer.status_code == 200, answer.text
        return as_facts(thing(answer.json()["facts"]["impact"]))

    return ask


def thing(value, name=""):
    """Plain JSON as the objects that it was made of."""
    if isinstance(value, dict):
        return SimpleNamespace(**{key: thing(each, key) for key, each in value.items()})
    if isinstance(value, list):
        return [thing(each) for each in value]
    return datetime.fromisoformat(value) if name in _TIMES and value is not None else value


@pytest.mark.slow
def test_hours_are_as_the_oracle_says(site, oracle):
    wrong, met = differing(asking(site), oracle, ASKED if LONG else ASKED[::3])
    assert wrong == []
    assert met >= {"features", "threshold", "training", "label", "price", "unknown", "holds", "looks back", "changed"}
    assert met >= {"reasons", "reigns", "rollouts", "served", "trained", "evaluations"}


@pytest.mark.parametrize("until", [262, 405])
def test_of_the_past_nothing_later_is_said(site, home, until):
    past = Oracle(home, at(until))
    hours = [(204, "coin2"), (until - 20, None)]
    assert differing(asking(site, as_of=at(until).isoformat()), past, hours)[0] == []


def test_the_page_names_the_datasets_that_hold_old_rows(site):
    hour = hour_key(at(200))
    facts = site.get(f"/hours/{hour}/impact.json").json()["facts"]["impact"]
    old = [each for each in facts["datasets"] if each["changed"]]
    page = site.get(f"/hours/{hour}/impact").text
    assert old
    assert all(f"{each['kind']} {each['day']} ({each['changed']} hours)" in page for each in old)
    assert all(f">{version['version']}</a>" in page for version in facts["versions"])
    assert len(facts["predictions"]) < SHOWN


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/hours/yesterday/impact", 400),
        (f"/hours/{hour_key(at(200))}/impact?instrument=coin9", 404),
        (f"/hours/{hour_key(at(200))}/impact?as_of={at(199).isoformat().replace('+', '%2B')}", 404),
        ("/hours/2020-01-05T12:30/impact", 400),
    ],
)
def test_what_is_no_hour_is_refused(site, path, status):
    assert site.get(path).status_code == status
