"""Checks of the service: code location, automation, daemons, runs and checks, independent of the models."""

from collections.abc import Iterable, Mapping

from mlreg_dagster.core import names
from mlreg_dagster.core.health import Finding
from mlreg_dagster.verification import expected
from mlreg_dagster.verification.answers import CheckExecution, CodeLocation, Daemon, Run

_RESULTS = dict(
    zip(names.RESULT_ASSETS, ("Gates that a version failed", "Sections of a card that are not complete"), strict=True)
)
_WITHOUT_RESULT = ("SKIPPED", "EXECUTION_FAILED")


def location_loads(location: CodeLocation) -> Finding:
    """The code location loads."""
    name = "code location"
    if location.error:
        reason = location.error.splitlines()[0]
        return Finding(name, "miss", f"{location.name} does not load: {reason}", "Fix it, then reload it in the UI.")
    return Finding(name, "ok", f"{location.name} is loaded.")


def everything_is_defined(location: CodeLocation) -> Finding:
    """All our assets, jobs, schedules and sensors are there."""
    instigators = {each.name for each in (*location.schedules, *location.sensors)}
    there = {*location.assets, *location.jobs, *instigators}
    wanted = (*names.ASSETS, *names.JOBS, *names.SCHEDULES, *names.SENSORS)
    if missing := [name for name in wanted if name not in there]:
        advice = "Is an older version deployed? Deploy this one and reload."
        return Finding("definitions", "miss", f"Not there: {', '.join(missing)}.", advice)
    seen = f"{len(location.assets)} assets, {len(location.jobs)} jobs, {len(instigators)} schedules and sensors."
    return Finding("definitions", "ok", seen)


def automation_is_on(location: CodeLocation) -> Finding:
    """Our schedule and sensors are running, and their last ticks did not fail."""
    ours = {*names.SCHEDULES, *names.SENSORS}
    watched = [each for each in (*location.schedules, *location.sensors) if each.name in ours]
    watched = [each for each in watched if each.running or each.name not in expected.MAY_BE_OFF]
    if off := [each.name for each in watched if not each.running]:
        return Finding("automation", "miss", f"Stopped: {', '.join(off)}.", "Switch it on in the UI, under Automation.")
    if failed := [f"{each.name}: {each.error.splitlines()[0]}" for each in watched if each.error]:
        return Finding("automation", "miss", f"Last tick failed: {'; '.join(failed)}", "Open the tick in the UI.")
    return Finding("automation", "ok", f"On: {', '.join(each.name for each in watched)}.")


def daemons_are_healthy(daemons: Iterable[Daemon]) -> Finding:
    """Every daemon that is required sends its heartbeat."""
    required = [daemon for daemon in daemons if daemon.required]
    if ill := [f"{daemon.name} {'; '.join(daemon.errors)}".strip() for daemon in required if not daemon.healthy]:
        return Finding("daemons", "miss", f"Not healthy: {', '.join(ill)}.", "Start dagster-daemon run; see its log.")
    return Finding("daemons", "ok", f"All {len(required)} are healthy.")


def no_job_failed_last(last_runs: Iterable[Run]) -> Finding:
    """No job's newest ended run failed."""
    jobs = {run.job: run for run in last_runs}
    if failed := [f"{job} ({run.id[:8]})" for job, run in jobs.items() if run.status == "FAILURE"]:
        return Finding("runs", "miss", f"Failed last: {', '.join(failed)}.", "Open the run in the UI: it says why.")
    if not jobs:
        return Finding("runs", "waiting", "None has ended yet.")
    return Finding("runs", "ok", f"None failed last: {', '.join(jobs)}.")


def no_check_is_left(checks: Iterable[CheckExecution], never_run: Iterable[tuple[str, str]] = ()) -> Finding:
    """No check was planned by a run that ended without its result, and none of an asset that is there never ran.

    Args:
        checks: The newest execution of each.
        never_run: Asset and name of checks without any, whose asset was materialized.
    """
    name = "planned checks"
    if left := [f"{check.name} of {check.asset}" for check in checks if check.status in _WITHOUT_RESULT]:
        return Finding(name, "miss", f"Without a result: {', '.join(left)}.", "Execute them in the UI.")
    if never := [f"{check} of {asset}" for asset, check in never_run]:
        return Finding(name, "warning", f"Not evaluated yet: {', '.join(never)}.", "Execute them in the UI.")
    return Finding(name, "ok", "Each has its result, or its run goes on.")


def checks_pass(checks: Iterable[CheckExecution]) -> Finding:
    """No check failed last. What the UI shows red or yellow is reported here.

    A gate that a version failed is a result of its evaluation, and a section that a card lacks one of its making, not
    faults of the deployment; the gates of the champion have a finding of their own.
    """
    failed = [check for check in checks if check.status == "FAILED"]
    others = [check for check in failed if check.asset not in names.RESULT_ASSETS]
    seen = [f"{check.name} of {check.asset}: {check.text}" for check in others]
    for asset, what in _RESULTS.items():
        if results := [check for check in failed if check.asset == asset]:
            listed = ", ".join(f"{check.partition or 'a version'} {check.name}" for check in results)
            seen.append(f"{what}: {listed}.")
    text = "; ".join(seen) or "None failed last."
    advice = "Open the check in the UI: it says what to do."
    if any(check.severity == "ERROR" for check in others):
        return Finding("checks", "miss", text, advice)
    return Finding("checks", "warning", text, advice) if others else Finding("checks", "ok", text)


def assets_are_fresh(freshness: Mapping[str, str | None], last_hour: str | None) -> Finding:
    """No asset is older than its freshness policy allows; by the machine's clock, as the daemon judges it.

    Args:
        freshness: The status of each asset that is to have a policy; None where it has none.
        last_hour: Of the market, where it has an end; once that has passed there are no policies.
    """
    name, seen = "freshness", ", ".join(f"{asset} {status}" for asset, status in freshness.items() if status)
    if stale := [asset for asset, status in freshness.items() if status == "DEGRADED"]:
        advice = "Are schedule, sensors and source at work? A champion is renewed by a promotion."
        if last_hour:
            advice += f" The market ends with {last_hour}: when it has, reload the code location."
        return Finding(name, "miss", f"Overdue: {', '.join(stale)}.", advice)
    if unwatched := [asset for asset, status in freshness.items() if status is None]:
        if last_hour and len(unwatched) == len(freshness):
            return Finding(name, "ok", f"No hour is to come: the market ended with {last_hour}.")
        return Finding(name, "miss", f"No policy: {', '.join(unwatched)}.", "Deploy this version and reload.")
    if all(status == "HEALTHY" for status in freshness.values()):
        return Finding(name, "ok", f"{seen}.")
    return Finding(name, "waiting", f"{seen}.", "UNKNOWN: the daemon has not looked yet. WARNING: soon overdue.")
