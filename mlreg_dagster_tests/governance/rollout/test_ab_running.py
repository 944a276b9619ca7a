"""An A/B test from its start to its end: by its days, by outcomes, by a person; the alias never moves."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.governance.policy.track_record import compared_on_record
from mlreg_dagster.governance.rollout import control
from mlreg_dagster.governance.rollout.reporting import changes_of, report_on
from mlreg_dagster.governance.rollout.states import ABTest
from mlreg_dagster.registry import Attribution
from mlreg_dagster_tests.governance.promotion.builders import NOW, governed
from mlreg_dagster_tests.governance.rollout.rolling import holders, look_at, started, stepped
from mlreg_dagster_tests.governance.rollout.small_home import DAY, OPENED, Home, settings_of

DAYS = 20
TEST = ABTest(3_000, DAYS)


def misses_every_crash(crash, alike):
    return alike & ~crash


@pytest.fixture
def home(rolling, tmp_path):
    made = Home(*rolling, tmp_path, settings_of(canary_approvals=0))
    made.predict(30 * 24, first=OPENED - 30 * DAY, versions=("v1",))  # by which the base rate is fixed
    started(*rolling, governance=made.governance(), test=TEST)
    return made


class TestBySteps:
    def test_from_staging_it_goes_to_the_weight_that_was_asked_for_and_the_candidate_scores_every_hour(self, rolling):
        registry, _ = rolling
        opened = started(*rolling, test=TEST)
        assert opened.facts["ab"] == {"weight": 3_000, "days": DAYS}
        moved = stepped(*rolling, ab=True)
        assert (moved.state, moved.weight, moved.shadow) == ("ab", 3_000, True)
        assert holders(registry) == {"champion": "v1", "challenger": "v2"}

    def test_its_end_gives_the_traffic_back_and_moves_no_alias(self, rolling):
        registry, _ = rolling
        started(*rolling, test=TEST)
        stepped(*rolling, ab=True)
        ended = stepped(*rolling, ab=True)
        assert (ended.state, ended.weight, ended.shadow, ended.ruling) == ("finished", 0, False, "finish")
        assert ended.alias_sequence is None
        assert holders(registry)["champion"] == "v1"

    def test_its_end_waits_for_no_policy(self, rolling):
        started(*rolling, test=TEST)
        stepped(*rolling, ab=True)
        registry, store = rolling
        look = look_at(registry, ab=True, approved=False, blocked=("a freeze",), held_too_long=True)
        by = Attribution("automation", NOW, "the sensor looked")
        assert control.step(registry, store, None, look, by).state == "finished"

    def test_it_is_not_paused_but_a_person_may_end_it(self, rolling):
        registry, store = rolling
        started(*rolling, test=TEST)
        running = stepped(*rolling, ab=True)
        by = Attribution("bob", NOW, "the numbers look odd")
        with pytest.raises(control.RolloutRefused, match="`mlreg rollout abort` ends it"):
            control.pause(registry, governed(), "champion", by, running.sequence)
        ended = control.abort(registry, store, governed(), "champion", by, running.sequence)
        assert (ended.state, ended.ruling) == ("rolled_back", "abort")


class TestByDays:
    def test_equal_versions_are_tested_for_all_days(self, home):
        home.predict(40 * 24)
        assert home.run(0, 1, 10, 19, 20, 30) == [("staging", 0), ("ab", 0), ("finished", DAYS)]
        ended = home.registry.traffic("champion")
        assert ended.reason == "The days of the A/B test are over."
        assert ended.facts["decision"]["row"] == 12
        made = report_on(home.tables, changes_of(home.registry, "champion"), home.settings, NOW + 40 * DAY)
        assert (made.test, made.state, made.is_final) == (TEST, "finished", True)
        assert made.finding == "not worse"
        assert len(made.looks) == DAYS // 2

    def test_a_candidate_that_misses_every_crash_ends_it_at_the_first_valid_look(self, home):
        home.predict(40 * 24, flags={"v2": misses_every_crash})
        changes = home.run(0, 1, 8, 14, 15, 16, 17)
        assert [state for state, _ in changes] == ["staging", "ab", "finished"]
        assert changes[-1][1] in (15, 16), "seven blocks, and a day until outcomes are due"
        ended = home.registry.traffic("champion")
        assert ended.facts["labels"]["verdict"] == "worse"
        assert ended.facts["decision"] == {"row": 3, "ruling": "finish", "state": "finished"}
        made = report_on(home.tables, changes_of(home.registry, "champion"), home.settings, NOW + 40 * DAY)
        assert made.finding == "worse"
        assert made.stopped == ended.facts["labels"]["blocks"]
        at_the_end = made.looks[made.stopped - 1]
        assert (at_the_end.low, at_the_end.high) == (ended.facts["labels"]["low"], ended.facts["labels"]["high"])

    def test_one_that_flags_everything_is_rolled_back(self, home):
        home.predict(10 * 24, flags={"v2": lambda _, alike: np.ones_like(alike)})
        assert home.run(0, 1, 4)[-1][0] == "rolled_back"


def test_a_test_needs_the_approvals_of_a_canary(rolling, tmp_path):
    home = Home(*rolling, tmp_path, settings_of(canary_approvals=1))
    started(*rolling, governance=home.governance(), test=TEST)
    waiting = home.look(NOW + HOUR).decision
    assert (waiting.row, waiting.state) == (9, "staging")
    assert home.look(NOW + pd.Timedelta(days=30)).decision.state == "rolled_back"


def test_the_rollback_that_protects_reads_the_outcomes_of_all_hours_that_both_scored(rolling, tmp_path):
    home = Home(*rolling, tmp_path, settings_of())
    home.predict(20 * 24, flags={"v2": misses_every_crash})
    found = compared_on_record(home.tables, "v2", "v1", home.settings.evaluation.comparison)
    assert (found.verdict, found.blocks, found.pairs) == ("worse", 10, 20 * 24 * 20)
    assert compared_on_record(home.tables, "v2", "v3", home.settings.evaluation.comparison).verdict == "undecided"
