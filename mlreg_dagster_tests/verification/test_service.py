from dataclasses import replace

import pytest

from mlreg_dagster.core import names
from mlreg_dagster.verification import service
from mlreg_dagster.verification.answers import CheckExecution, CodeLocation, Daemon, Instigator, Run

LOCATION = CodeLocation(
    "ours",
    assets=dict.fromkeys(names.ASSETS, ()),
    jobs=names.JOBS,
    schedules=tuple(Instigator(name, True, None) for name in names.SCHEDULES),
    sensors=tuple(Instigator(name, True, None) for name in names.SENSORS),
)
PASSED = CheckExecution("market_snapshot", "schema", "SUCCEEDED", None, "WARN", "12 rows fit.")


def test_a_location_that_loads_and_holds_everything():
    assert service.location_loads(LOCATION).state == "ok"
    assert service.everything_is_defined(LOCATION).state == "ok"
    assert service.automation_is_on(LOCATION).state == "ok"


def test_a_location_that_does_not_load():
    finding = service.location_loads(CodeLocation("ours", error="ConfigError: ingest.yaml: …\n  File …"))
    assert finding.state == "miss"
    assert finding.seen == "ours does not load: ConfigError: ingest.yaml: …"


@pytest.mark.parametrize(
    ("part", "wanted"), [("assets", names.ASSETS), ("jobs", names.JOBS), ("sensors", names.SENSORS)]
)
def test_each_asset_job_and_sensor_is_missed(part, wanted):
    for name in wanted:
        there = getattr(LOCATION, part)
        fewer = [each for each in there if getattr(each, "name", each) != name]
        location = replace(LOCATION, **{part: dict.fromkeys(fewer, ()) if part == "assets" else tuple(fewer)})
        finding = service.everything_is_defined(location)
        assert (finding.state, finding.seen) == ("miss", f"Not there: {name}.")


@pytest.mark.parametrize(
    "changed", [Instigator("days_sensor", False, None), Instigator("days_sensor", True, "Broken.")]
)
def test_a_sensor_that_is_stopped_or_whose_tick_failed(changed):
    others = tuple(each for each in LOCATION.sensors if each.name != changed.name)
    finding = service.automation_is_on(replace(LOCATION, sensors=(*others, changed)))
    assert finding.state == "miss"
    assert "days_sensor" in finding.seen


def test_only_daemons_that_are_required_have_to_be_healthy():
    idle = Daemon("BACKFILL", required=False, healthy=False, errors=())
    ill = Daemon("SENSOR", required=True, healthy=False, errors=("no heartbeat",))
    assert service.daemons_are_healthy([idle]).state == "ok"
    assert service.daemons_are_healthy([idle, ill]).state == "miss"


def test_the_last_run_of_each_job_counts():
    good, bad = Run("1", "hourly", "SUCCESS", {}), Run("2", "promote", "FAILURE", {})
    assert service.no_job_failed_last([]).state == "waiting"
    assert service.no_job_failed_last([good, Run("3", "train", "CANCELED", {})]).state == "ok"
    assert service.no_job_failed_last([good, bad]).seen == "Failed last: promote (2)."


@pytest.mark.parametrize(
    ("status", "left"),
    [("SUCCEEDED", "ok"), ("FAILED", "ok"), ("IN_PROGRESS", "ok"), ("SKIPPED", "miss"), ("EXECUTION_FAILED", "miss")],
)
def test_a_check_that_was_planned_and_never_came(status, left):
    assert service.no_check_is_left([PASSED, replace(PASSED, status=status)]).state == left


def test_what_is_red_or_yellow_in_the_ui_is_told():
    failed = replace(PASSED, status="FAILED", text="3 rows are there more than once.")
    assert service.checks_pass([PASSED]).state == "ok"
    warning = service.checks_pass([failed])
    assert (warning.state, warning.seen) == ("warning", "schema of market_snapshot: 3 rows are there more than once.")
    assert service.checks_pass([replace(failed, severity="ERROR")]).state == "miss"


def test_a_gate_that_a_version_failed_is_a_result_and_is_told():
    gate = CheckExecution("evaluated_model", "silhouette", "FAILED", "v3", "ERROR", "-0.1")
    finding = service.checks_pass([PASSED, gate])
    assert (finding.state, finding.seen) == ("ok", "Gates that a version failed: v3 silhouette.")


def test_a_section_that_a_card_lacks_is_a_result_and_is_told():
    section = CheckExecution("delivery_bundle", "gate_06_monitoring", "FAILED", "v2", "ERROR", "Too little is known.")
    finding = service.checks_pass([PASSED, section])
    assert finding.state == "ok"
    assert finding.seen == "Sections of a card that are not complete: v2 gate_06_monitoring."
    failed = replace(PASSED, status="FAILED", severity="ERROR")
    assert service.checks_pass([failed, section]).state == "miss"


def test_a_check_that_never_ran_is_told():
    finding = service.no_check_is_left([PASSED], [("champion_model", "gates_passed")])
    assert (finding.state, finding.seen) == ("warning", "Not evaluated yet: gates_passed of champion_model.")


def test_an_overdue_asset_is_a_miss():
    assert service.assets_are_fresh({"predictions": "HEALTHY"}, None).state == "ok"
    assert service.assets_are_fresh({"predictions": "HEALTHY", "champion_model": "UNKNOWN"}, None).state == "waiting"
    assert service.assets_are_fresh({"predictions": "WARNING"}, None).state == "waiting"
    assert service.assets_are_fresh({"predictions": "DEGRADED"}, None).seen == "Overdue: predictions."


def test_where_the_market_has_ended_nothing_is_overdue():
    at_rest = dict.fromkeys(("market_snapshot", "champion_model"))
    finding = service.assets_are_fresh(at_rest, "2026-01-23-23:00")
    assert (finding.state, finding.seen) == ("ok", "No hour is to come: the market ended with 2026-01-23-23:00.")
    assert service.assets_are_fresh(at_rest, None).state == "miss"  # a policy that is not there watches nothing
    assert service.assets_are_fresh(at_rest | {"champion_model": "HEALTHY"}, "2026-01-23-23:00").state == "miss"
    ended_since = service.assets_are_fresh({"market_snapshot": "DEGRADED"}, "2026-01-23-23:00")
    assert (ended_since.state, "reload the code location" in ended_since.advice) == ("miss", True)
