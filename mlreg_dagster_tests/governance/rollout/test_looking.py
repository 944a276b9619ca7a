"""A look at an open rollout: what it reads, as of when, and what the table makes of it."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.governance.policy.in_force import rules_of
from mlreg_dagster.governance.rollout import control
from mlreg_dagster.governance.rollout.outcomes import base_rate
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster_tests.governance.promotion.builders import NOW, evaluate
from mlreg_dagster_tests.governance.rollout.counted import arm, period
from mlreg_dagster_tests.governance.rollout.rolling import MINUTE, holders
from mlreg_dagster_tests.governance.rollout.small_home import DAY, OPENED, Home, settings_of
from mlreg_dagster_tests.governance.rollout.test_control import BY_BOB, FREEZE, GATE, approve

INVERTED = {"v2": lambda crash, _: ~crash & (np.arange(crash.size).reshape(crash.shape) % 9 == 0)}


@pytest.fixture(scope="module")
def five_days(tmp_path_factory):
    folder = tmp_path_factory.mktemp("five_days")
    Home(None, None, folder, None).predict(120, first=OPENED - 6 * DAY, versions=("v1",))
    return folder / "warehouse.duckdb"


@pytest.fixture
def home(rolling, tmp_path, five_days):
    """Nothing is open yet; five days are on record in which the champion was right as often as later."""
    shutil.copy(five_days, tmp_path)
    return Home(*rolling, tmp_path, settings_of())


def test_without_a_rollout_there_is_nothing_to_look_at(home):
    assert home.look(NOW) is None
    event = home.start()
    control.abort(home.registry, home.store, home.governance(), "champion", BY_BOB, event.sequence)
    assert home.look(NOW) is None


class TestByItself:
    def test_a_harmless_retrain_gets_all_traffic(self, home):
        home.start()
        home.predict(25 * 24)
        assert home.run(0, 3, 4, 14, 15, 21, 22, 23) == [
            ("staging", 0), ("shadow", 0), ("canary_50", 4), ("full", 15), ("closed", 22),
        ]  # fmt: skip
        assert holders(home.registry) == {"challenger": "v1", "champion": "v2"}
        full = home.registry.traffic_history("champion")[3]
        assert full.facts["labels"]["verdict"] == "not_worse"
        assert full.facts["labels"]["blocks"] == 7
        assert full.facts["decision"] == {"row": 11, "ruling": "advance", "state": "full"}
        assert home.registry.find_tampering() is None

    def test_one_that_is_wrong_where_the_champion_is_right_goes_back_at_the_first_valid_look(self, home):
        home.start()
        home.predict(18 * 24, flags=INVERTED)
        *_, last = home.run(0, 4, 14, 15)
        assert last == ("rolled_back", 15)
        back = home.registry.traffic("champion")
        assert back.facts["labels"]["verdict"] == "worse"
        assert back.facts["labels"]["low"] > 0
        assert back.facts["decision"]["row"] == 3
        assert holders(home.registry)["champion"] == "v1"

    @pytest.mark.parametrize("flagged", [True, False])
    def test_one_that_flags_everything_or_nothing_goes_back_within_some_days(self, home, flagged):
        home.start()
        home.predict(4 * 24, flags={"v2": lambda crash, _: np.full(crash.shape, flagged)})
        assert home.run(0, 2, 3) == [("staging", 0), ("shadow", 0), ("rolled_back", 3)]
        facts = home.registry.traffic("champion").facts
        assert ("above 25.00%" if flagged else "below 0.05%") in facts["flagged"]["outside"]

    def test_without_outcomes_it_goes_back_when_it_has_waited_for_too_long(self, home):
        home.start()
        assert home.run(0, 25, 26) == [("staging", 0), ("shadow", 0), ("rolled_back", 26)]
        assert home.registry.traffic("champion").reason == (
            "It has waited for too long. There are not enough rows that both have scored yet."
        )


class TestTime:
    def test_what_happens_later_changes_nothing(self, home):
        home.start()
        home.step(NOW)
        home.predict(17 * 24, flags=INVERTED)
        now = OPENED + 15 * DAY
        before = home.look(now)
        assert before.facts.labels == "worse"
        for table in (PREDICTIONS, PREDICTION_OUTCOMES):
            later = home.tables.read(table, now)["hour"].unique()
            assert len(later) > 40
            home.tables.write(table, table.empty(), later)
        assert home.look(now) == before

    def test_labels_are_those_of_predictions_since_the_opening_that_are_due(self, home):
        home.predict(240, first=OPENED - 4 * DAY)
        home.start()
        counts = [home.look(OPENED + hours * HOUR).figures["labels"]["all_pairs"] for hours in (24, 25, 48, 49)]
        assert counts == [0, 20, 480, 500]

    @pytest.mark.parametrize("versions", [["v1"], ["v2"]])
    def test_in_sample_predictions_are_no_pairs(self, home, versions):
        home.start()
        home.predict(48)
        for table in (PREDICTIONS, PREDICTION_OUTCOMES):
            rows = home.tables.read(table)
            rows["in_sample"] |= rows["model_version"].isin(versions)
            home.tables.write(table, rows, rows["hour"].unique())
        look = home.look(OPENED + 4 * DAY)
        assert look.figures["labels"]["all_pairs"] == 0
        assert (look.figures["flagged"]["hours"]["candidate"]["rows"] == 0) is ("v2" in versions)

    def test_a_backlog_of_outcomes_leaves_no_half_block(self, home):
        home.start()
        home.predict(60)
        figures = home.look(OPENED + 10 * DAY).figures["labels"]
        assert (figures["blocks"], figures["pairs"], figures["all_pairs"]) == (1, 960, 1200)

    def test_counts_of_servers_as_of_the_look(self, home):
        home.settings = settings_of(min_requests=500)
        home.start()
        begin = pd.Timestamp("2018-01-01", tz="UTC")
        bad = arm(error_seconds=9, errors=9)
        home.count(*(_at(period(minute, sequence=1, shadow=bad), NOW - begin) for minute in range(5)))
        assert "no server has written counts" in str(home.look(NOW).facts.blocked)
        late = home.look(NOW + 5 * MINUTE)
        assert (late.decision.row, late.decision.ruling) == (2, "roll_back")
        assert late.figures["serving"]["shadow"]["error_seconds"] == 45

    def test_counts_of_an_earlier_life_of_the_registry_are_not_those_of_this_rollout(self, home):
        """An older copy of the registry was put back, and numbers of changes come again."""
        home.settings = settings_of(min_requests=500)
        home.start()
        begin = pd.Timestamp("2018-01-01", tz="UTC")
        bad = arm(error_seconds=9, errors=9)
        home.count(*(_at(period(minute, sequence=1, shadow=bad), NOW - begin - DAY) for minute in range(5)))
        found = home.look(NOW + 5 * MINUTE)
        assert "no server has written counts" in str(found.facts.blocked)
        assert (found.decision.row, found.decision.ruling) == (6, "hold")
        assert found.figures["serving"]["shadow"]["requests"] == 0


def _at(each, shift):
    from msgspec.structs import replace as with_values

    return with_values(each, first=each.first + shift.to_pytimedelta(), last=each.last + shift.to_pytimedelta())


class TestBaseRate:
    def test_it_is_the_champions_as_of_the_opening(self, home):
        event = home.start()
        rate = event.facts["base_rate"]
        assert rate == base_rate(home.tables, "v1", NOW)
        assert 0.03 < rate < 0.07
        home.predict(48, flags={"v1": lambda crash, _: crash})
        assert home.look(OPENED + 5 * DAY).figures["base_rate"] == rate

    def test_outcomes_that_fall_due_later_are_not_in_it(self, home):
        early = base_rate(home.tables, "v1", OPENED - 4 * DAY)
        assert early is not None
        assert early != base_rate(home.tables, "v1", NOW)
        assert base_rate(home.tables, "v1", OPENED - 6 * DAY) is None
        assert base_rate(home.tables, "v9", NOW) is None

    def test_without_one_the_first_change_that_knows_one_fixes_it(self, rolling, tmp_path):
        home = Home(*rolling, tmp_path, settings_of())
        assert home.start().facts["base_rate"] is None
        home.predict(20 * 24, flags=INVERTED)
        unknown = home.look(NOW + 20 * DAY)
        assert (unknown.facts.labels, unknown.figures["labels"]["blocks"]) == ("undecided", 0)
        fixed = home.step(NOW + 20 * DAY).facts["base_rate"]
        assert fixed == unknown.figures["base_rate"]
        assert home.look(NOW + 20 * DAY).facts.labels == "worse"


class TestValidity:
    def test_a_rejection(self, home):
        home.start()
        approve(home.registry, home.governance(), "eve", kind="rejection")
        look = home.look(NOW)
        assert (look.decision.row, look.decision.ruling) == (1, "roll_back")
        assert look.facts.invalid == "v2 is rejected by eve (I looked at it)."

    def test_an_evaluation_that_failed_since(self, home):
        home.start()
        evaluate(home.registry, "v2", failing=(GATE,))
        assert "v2 failed its latest evaluation" in home.look(NOW).facts.invalid

    @pytest.mark.parametrize("lost", [True, False])
    def test_a_bundle_that_is_missing_or_has_other_bytes(self, home, lost):
        home.start()
        assert home.look(NOW, with_bytes=True).facts.invalid is None
        for path in (home.folder / "artifacts" / "models" / "v2").iterdir():
            path.chmod(0o600)
            path.unlink() if lost else path.write_bytes(b"other")
        assert "v2" in home.look(NOW, with_bytes=True).facts.invalid


class TestWaiting:
    def test_paused(self, home):
        event = home.start()
        control.pause(home.registry, home.governance(), "champion", BY_BOB, event.sequence)
        look = home.look(NOW)
        assert (look.paused, look.decision.row, look.facts.blocked) == (True, 6, ("paused by a person",))

    def test_a_freeze(self, home):
        home.settings = settings_of({"freezes": [FREEZE]})
        home.registry.record_first_policy(rules_of(home.settings).content, NOW)
        home.start(now=NOW - 2 * HOUR)
        assert home.look(NOW).facts.blocked == (
            f"nothing moves now: the end of the year, until {FREEZE['until']:%Y-%m-%d %H:%M}",
        )
        assert home.look(NOW + HOUR).facts.blocked == ()

    def test_files_that_are_not_adopted(self, home):
        home.start()
        home.settings = settings_of({"min_reason_length": 9})
        assert "ask for another policy than the one in force" in str(home.look(NOW).facts.blocked)

    def test_outcomes_that_contradict_each_other(self, home):
        home.start()
        home.predict(48)
        rows = home.tables.read(PREDICTION_OUTCOMES)
        odd = rows["model_version"].eq("v2") & rows["instrument_id"].eq("i03")
        rows.loc[odd, "outcome"] = np.where(rows.loc[odd, "outcome"] == "crash", "no_crash", "crash")
        home.tables.write(PREDICTION_OUTCOMES, rows, rows["hour"].unique())
        look = home.look(OPENED + 4 * DAY)
        assert "v2 and v1 have different outcomes" in str(look.facts.blocked)
        assert look.facts.labels == "undecided"

    def test_approvals_since_the_opening_before_the_first_traffic(self, home):
        home.settings = settings_of(canary_approvals=1, min_pairs=0)
        approve(home.registry, home.governance(), "eve", now=NOW - HOUR)
        home.start()
        home.step(NOW)
        later = NOW + DAY
        look = home.look(later)
        assert (look.decision.row, look.figures["approvals"]["by"]) == (9, [])
        approve(home.registry, home.governance(), "bob", now=NOW + HOUR)  # who started it
        assert home.look(later).decision.row == 9
        approve(home.registry, home.governance(), "eve", now=NOW + 2 * HOUR)
        assert home.look(later).decision.state == "canary_50"
        approve(home.registry, home.governance(), "eve", now=NOW + 3 * HOUR, kind="rejection")
        assert home.look(later).decision.state == "rolled_back"

    def test_approvals_of_the_tier_before_it_is_a_challenger(self, home):
        home.settings = settings_of({"low": {"approvals": 1, "rollout": {"min_requests": 0}}})
        home.start()
        assert home.look(NOW).decision.row == 9
        approve(home.registry, home.governance(), "eve")
        assert home.step(NOW).state == "shadow"


def test_figures_are_plain_and_kept(home):
    home.start()
    look = home.look(NOW)
    assert json.loads(json.dumps(look.figures)) == look.figures
    event = home.step(NOW)
    assert event.facts == look.figures
    assert replace(look, event=event) != look
