"""drift_decision as an asset, on facts that are given: what it stores, records and shows, and what late days change."""

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.models.manifests import flagging_in
from mlreg_dagster.models.training_request import CAUSE_TAG
from mlreg_dagster.monitoring.response.assets import build_response_asset
from mlreg_dagster.monitoring.response.checks import build_response_check
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS
from mlreg_dagster.orchestration.partitions import make_partitions, range_tags
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.registry.witness import AUDIT_HEAD
from mlreg_dagster_tests.lifecycle import LIVE, LIVE_HOURS
from mlreg_dagster_tests.monitoring.response.days import on
from mlreg_dagster_tests.monitoring.response.test_fold import PERSISTS, SUDDEN, WORSE
from mlreg_dagster_tests.svg import words_of

FIRST = "2026-01-01"


class Decisions:
    """The asset on a world, with facts that a test writes down."""

    def __init__(self, world):
        self.world, self.facts = world, {}
        tables = world.warehouse
        tables.write(DRIFT_DECISIONS, DRIFT_DECISIONS.empty(), tables.partitions(DRIFT_DECISIONS))
        self._before = len(world.registry.drift_decisions())  # of a day that this world has judged
        settings = world.settings
        partitions = make_partitions(settings.ingest.first_hour, settings.ingest.last_hour)
        self.asset = build_response_asset(settings, "monitoring", partitions, [], self._facts_of)
        self.check = build_response_check()

    def _facts_of(self, _tables, _records, days):
        return [self.facts[day.date()] for day in days if day.date() in self.facts]

    def judge(self, *facts, first=0):
        """Materialize the days of these facts as one range."""
        for number, each in enumerate(facts, start=first):
            self.facts[on(number).day] = on(number, **each)
        keys = [f"{on(number).day:%Y-%m-%d}" for number in (first, first + len(facts) - 1)]
        resources = {
            name: self.world.definitions.resources[name]
            for name in ("mlreg_warehouse", "mlreg_registry", "mlreg_clock")
        }
        definitions = dg.Definitions([self.asset], asset_checks=[self.check], resources=resources)
        job = definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(instance=self.world.instance, tags=range_tags(*keys))

    @property
    def rows(self):
        return self.world.warehouse.read(DRIFT_DECISIONS)

    @property
    def states(self):
        return self.rows["state"].tolist()

    @property
    def records(self):
        return [(each.day, each.state, each.action) for each in self.recorded]

    @property
    def recorded(self):
        return self.world.registry.drift_decisions()[self._before :]


@pytest.fixture
def decisions(live):
    return Decisions(live)


def shown(result):
    (event,) = [
        each for each in result.asset_materializations_for_node("drift_decision") if AUDIT_HEAD in each.metadata
    ]
    return {name: value.value for name, value in event.metadata.items()}


@pytest.mark.pictures
def test_days_are_judged_stored_and_shown_and_changes_are_recorded(decisions):
    result = decisions.judge({}, SUDDEN, PERSISTS, PERSISTS)
    assert decisions.states == ["stable", "watch", "confirmed", "confirmed"]
    assert decisions.records == [("2026-01-02", "watch", "none"), ("2026-01-03", "confirmed", "adapt_threshold")]
    metadata = shown(result)
    assert (metadata["state"], metadata["action"]) == ("confirmed", "adapt_threshold")
    assert "States of drift" in words_of(metadata["states"])
    sequence, digest = decisions.world.registry.audit_head()
    assert metadata[AUDIT_HEAD] == f"{sequence}:{digest}"
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert check.description.startswith("2026-01-04: A drift is confirmed (data). Temporary so far")


def test_day_by_day_is_the_same_as_all_at_once_and_twice_the_same_as_once(decisions, make_world, live_home):
    facts = [{}, SUDDEN, PERSISTS, {"quality": "severe"}, PERSISTS]
    for number, each in enumerate(facts):
        decisions.judge(each, first=number)
    at_once = Decisions(make_world(live_home, "at-once"))
    at_once.judge(*facts)
    pd.testing.assert_frame_equal(decisions.rows, at_once.rows)
    assert decisions.records == at_once.records
    before = decisions.rows
    decisions.judge(*facts[1:4], first=1)
    pd.testing.assert_frame_equal(decisions.rows, before)
    assert decisions.records == at_once.records


def test_a_late_day_changes_the_days_after_it_and_the_registry_tells_both(decisions):
    decisions.judge({}, SUDDEN, PERSISTS)
    decisions.judge({}, first=1)  # its late hours say that nothing was there
    assert decisions.states == ["stable", "stable", "watch"]
    assert decisions.records == [
        ("2026-01-02", "watch", "none"),
        ("2026-01-03", "confirmed", "adapt_threshold"),
        ("2026-01-02", "stable", "none"),
        ("2026-01-03", "watch", "none"),
    ]
    assert decisions.world.registry.find_tampering() is None


def test_facts_of_the_days_after_a_late_one_are_read_again(decisions):
    decisions.judge({}, SUDDEN, PERSISTS)
    decisions.facts[on(2).day] = on(2)  # by rows of the day before, which its late hours changed
    decisions.judge({}, first=1)
    assert decisions.states == ["stable", "stable", "stable"]


def test_a_training_that_failed_is_seen_by_its_run(decisions):
    decisions.judge(WORSE, WORSE)
    (cause,) = {each.cause for each in decisions.recorded if each.action == "retrain"}

    @dg.job
    def breaks():
        @dg.op
        def fails():
            raise dg.Failure("no")

        fails()

    instance = decisions.world.instance
    breaks.execute_in_process(instance=instance, tags={CAUSE_TAG: cause}, raise_on_error=False)
    days = (pd.Timestamp.now(tz="UTC").floor("D") - pd.Timestamp(FIRST, tz="UTC")).days
    decisions.judge(WORSE, first=2)
    assert decisions.states[-1] == "responding"  # it failed after the end of that day
    decisions.judge({}, first=days)
    assert decisions.rows["training"].iloc[-1] == "failed"
    assert decisions.rows["table_row"].iloc[-1] == 14


def test_the_check_warns_of_what_is_not_known_and_fails_on_what_pages(decisions):
    def check(*facts):
        (found,) = decisions.judge(*facts).get_asset_check_evaluations()
        return found.passed, found.severity.value

    assert check({}) == (True, "WARN")
    assert check({"enough": False}) == (False, "WARN")
    assert check({"quality": "severe"}) == (False, "ERROR")


@pytest.fixture
def frozen(make_world, live_home):
    """A world whose champion has a frozen threshold, and flags far too much of the fifth day."""
    world = make_world(live_home, "frozen")
    config = {"model": "model", "overrides": {"flagging": {"policy": "frozen"}, "contamination": 0.3}, "actor": "ada"}
    version = world.train(config)
    assert flagging_in(world.registry.version(version).manifest).policy == "frozen"
    return world, version


def test_a_frozen_threshold_follows_from_the_decision_on_and_hours_before_keep_theirs(frozen):
    world, version = frozen
    config = {"ops": {"predictions": {"config": {"versions": [version]}}}}
    world.run_hours("predictions_only", LIVE_HOURS, config)
    decisions = Decisions(world)
    number = (LIVE - pd.Timestamp(FIRST, tz="UTC")).days
    decisions.judge({**SUDDEN, "champion": version}, {**PERSISTS, "champion": version}, first=number - 1)
    (record,) = [each for each in world.registry.drift_decisions() if each.threshold]
    threshold, before = record.threshold["threshold"], record.threshold["frozen"]
    assert record.effective_at == LIVE + pd.Timedelta(days=1)
    assert 0 < abs(threshold / before - 1) <= 0.2 + 1e-9
    scores = world.warehouse.read(PREDICTIONS).query("model_version == @version")
    assert (scores["threshold"] == before).all()

    later = hour_range(LIVE_HOURS[-3], LIVE_HOURS[-1] + 3 * HOUR)
    world.run_hours("predictions_only", later, config)
    rows = world.warehouse.read(PREDICTIONS).query("model_version == @version")
    moved = rows["hour"] >= record.effective_at
    assert (rows.loc[~moved, "threshold"] == before).all()
    assert (rows.loc[moved, "threshold"] == threshold).all()
    assert (rows["is_anomaly"] == (rows["score"] > rows["threshold"])).all()

    decisions.judge({**WORSE, "champion": version}, first=number + 1)  # trained for: it goes back
    ended = world.registry.drift_decisions()[-1]
    assert (ended.threshold, ended.effective_at) == (None, LIVE + pd.Timedelta(days=2))


def test_a_version_that_follows_a_budget_is_left_to_it(decisions):
    decisions.judge({**SUDDEN, "champion": "v2"}, {**PERSISTS, "champion": "v2"})
    assert [each.threshold for each in decisions.recorded] == [None, None]
