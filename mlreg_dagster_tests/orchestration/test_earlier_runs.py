"""A step that looks back waits for runs of earlier hours, and for no others."""

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from mlreg_dagster.config import AutomationSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.orchestration.instance import earlier_runs
from mlreg_dagster.orchestration.instance.earlier_runs import BACKFILL, EVERYTHING, TOGETHER, wait_for_earlier_runs
from mlreg_dagster.orchestration.partitions import make_partitions, range_tags

CHUNKED = AutomationSettings(hours_per_run=6)
PARTITIONS = make_partitions(as_hour("2026-01-01"), as_hour("2026-01-10"), hours_per_run=6)
EARLIER = range_tags("2026-01-02-00:00", "2026-01-02-05:00")
OWN = range_tags("2026-01-02-06:00", "2026-01-02-11:00")
LATER = range_tags("2026-01-02-12:00", "2026-01-02-17:00")
GROUP = {TOGETHER: "a"}


class Graph:
    """`upstream`, and `asset`, which reads 6 hours of it back; a waiting step lets `while_waiting` happen."""

    def __init__(self, monkeypatch):
        self.instance = dg.DagsterInstance.ephemeral()
        self.settings, self.reads, self.whole = CHUNKED, {"upstream": 6}, ()
        self.waits = 0
        self.while_waiting = lambda: None
        monkeypatch.setattr(earlier_runs.time, "sleep", self._sleep)

        @dg.asset(partitions_def=PARTITIONS.hourly, backfill_policy=PARTITIONS.hours_by_run)
        def upstream() -> None: ...

        @dg.asset(partitions_def=PARTITIONS.hourly, backfill_policy=PARTITIONS.hours_by_run, deps=[upstream])
        def asset(context: dg.AssetExecutionContext) -> None:
            wait_for_earlier_runs(context, self.settings, self.reads, self.whole)

        self.jobs = dg.Definitions(
            assets=[upstream, asset],
            jobs=[
                dg.define_asset_job("both", [upstream, asset]),
                dg.define_asset_job("first", [upstream]),
                dg.define_asset_job("second", [asset]),
            ],
            executor=dg.in_process_executor,
        )

    def _sleep(self, _seconds):
        self.waits += 1
        assert self.waits < 5, "it waits for ever"
        self.while_waiting()

    def note(self, tags, status, job="both"):
        definition = self.jobs.resolve_job_def(job)
        return self.instance.create_run_for_job(definition, tags=tags, status=dg.DagsterRunStatus[status])

    def cancel(self, run):
        self.instance.report_run_canceled(run)

    def run(self, job, tags):
        return self.jobs.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, raise_on_error=False
        )

    def reason(self, result):
        (failure,) = [event for event in result.all_events if event.is_step_failure]
        return (
            failure.step_failure_data.error.cause.message
            if failure.step_failure_data.error.cause
            else (failure.step_failure_data.error.message)
        )


@pytest.fixture
def graph(monkeypatch):
    graph = Graph(monkeypatch)
    yield graph
    graph.instance.dispose()


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED"])
def test_it_waits_for_a_run_of_earlier_hours_that_makes_what_it_reads(graph, status):
    earlier = graph.note(EARLIER, status, "first")
    graph.while_waiting = lambda: graph.cancel(earlier)
    assert graph.run("second", OWN).success
    assert graph.waits == 1


@pytest.mark.parametrize(
    ("tags", "job"),
    [
        (LATER, "first"),
        (OWN, "first"),
        (EARLIER, "second"),
        (range_tags("2026-01-01-06:00", "2026-01-01-23:00"), "first"),
        ({}, "first"),
    ],
    ids=["later", "the same hours", "another asset", "beyond the reach", "no hours"],
)
def test_it_waits_for_no_other_run(graph, tags, job):
    graph.note(tags, "NOT_STARTED", job)
    assert graph.run("second", OWN).success
    assert graph.waits == 0


def test_without_the_key_it_waits_for_nothing(graph):
    graph.settings = AutomationSettings()
    graph.note(EARLIER, "NOT_STARTED", "first")
    assert graph.run("second", OWN).success
    assert graph.waits == 0


def test_a_range_that_reads_everything_waits_for_the_oldest(graph):
    graph.reads = {"upstream": EVERYTHING}
    oldest = graph.note(range_tags("2026-01-01-00:00", "2026-01-01-01:00"), "NOT_STARTED", "first")
    graph.while_waiting = lambda: graph.cancel(oldest)
    assert graph.run("second", OWN).success
    assert graph.waits == 1


def test_what_a_run_of_the_same_range_did_not_make_is_an_error(graph):
    graph.cancel(graph.note({**EARLIER, **GROUP}, "NOT_STARTED", "first"))
    result = graph.run("second", {**OWN, **GROUP})
    assert not result.success
    assert "was to make upstream for 6 earlier hours or days (2026-01-02 00:00 to 2026-01-02 05:00)" in graph.reason(
        result
    )
    assert graph.run("second", OWN).success, "a run of its own goes on without hours that nobody makes"


def test_somebody_has_made_the_hours_since(graph):
    graph.cancel(graph.note({**EARLIER, **GROUP}, "NOT_STARTED", "first"))
    assert graph.run("first", EARLIER).success
    assert graph.run("second", {**OWN, **GROUP}).success


def test_a_step_that_has_ended_well_is_enough(graph):
    """Whatever becomes of the rest of its run."""
    graph.settings = CHUNKED.model_copy(update={"hours_per_run": None})
    assert graph.run("both", {**EARLIER, **GROUP}).success
    graph.settings = CHUNKED
    assert graph.run("second", {**OWN, **GROUP}).success
    assert graph.waits == 0


def test_a_retry_that_is_announced_is_waited_for(graph):
    failed = graph.note({**EARLIER, **GROUP, "dagster/will_retry": "true"}, "NOT_STARTED", "first")
    graph.cancel(failed)

    def retried():
        graph.run("first", {**EARLIER, **GROUP})
        graph.instance.add_run_tags(failed.run_id, {"dagster/auto_retry_run_id": "x"})

    graph.while_waiting = retried
    assert graph.run("second", {**OWN, **GROUP}).success
    assert graph.waits == 1


def test_what_a_backfill_has_not_submitted_is_waited_for(graph):
    keys = [f"2026-01-02-{hour:02}:00" for hour in range(12)]
    graph.instance.add_backfill(
        PartitionBackfill(
            "b", status=BulkActionStatus.REQUESTED, from_failure=False, tags={}, backfill_timestamp=0.0,
            partition_names=keys,
        )
    )  # fmt: skip
    graph.while_waiting = lambda: graph.run("first", {**EARLIER, BACKFILL: "b"})
    assert graph.run("both", {**OWN, BACKFILL: "b"}).success
    assert graph.waits == 1


def test_all_runs_of_a_backfill_come_first_where_that_is_asked(graph):
    graph.whole, graph.reads = ("upstream",), {}
    later = graph.note({**LATER, **GROUP}, "NOT_STARTED", "first")
    graph.while_waiting = lambda: graph.run("first", {**LATER, **GROUP}) and graph.cancel(later)
    assert graph.run("second", {**OWN, **GROUP}).success
    assert graph.waits == 1
    graph.note(LATER, "NOT_STARTED", "first")
    assert graph.run("second", OWN).success, "of other ranges none"


def test_it_waits_for_so_long_and_no_longer(graph, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(earlier_runs.time, "monotonic", lambda: now[0])
    graph.note(EARLIER, "NOT_STARTED", "first")
    graph.while_waiting = lambda: now.__setitem__(0, 3601.0)
    result = graph.run("second", OWN)
    assert not result.success
    assert (
        "has not made the earlier hours within 60 minutes (earlier_hours_minutes in automation.yaml)"
        in graph.reason(result)
    )
