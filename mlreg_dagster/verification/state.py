"""Is the deployment in the state in which it should be? Everything that a person would look for in the UI."""

from mlreg_dagster.core.health import Finding
from mlreg_dagster.core.names import ASSETS, HOURLY_ASSETS
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.verification import expected, lifecycle, service
from mlreg_dagster.verification.client import Client

_RECENT = 50  # materializations of each asset; what is older says nothing about the present state
_ENDED = ["SUCCESS", "FAILURE", "CANCELED"]


def verify(client: Client) -> list[Finding]:
    """Every state check, on what the web server answers now.

    Raises:
        NoAnswer, QueryFailed, NotOurLocation: There is nothing to look at.
    """
    location = client.location()
    if location.error:
        return [service.location_loads(location)]
    written = {asset: client.materializations(asset, _RECENT) for asset in ASSETS}
    newest = {str(hour) for asset in HOURLY_ASSETS if (hour := client.newest_partition(asset))}
    for asset in HOURLY_ASSETS if newest else ():  # older hours may have been made later
        written[asset] = client.materializations(asset, partitions=sorted(newest)) + written[asset]
    runs = [run for job in location.jobs for run in client.runs(1, pipelineName=job, statuses=_ENDED)]
    checks = [
        check
        for asset, names in location.assets.items()
        for name in names
        for check in client.check_executions(asset, name)
    ]
    champion = lifecycle.champion_move(written)
    version = champion.metadata["champion"] if champion else None
    names = dict.fromkeys((*GATES, *location.assets.get("evaluated_model", ())))
    gates = [gate for name in names for gate in client.check_executions("evaluated_model", name, version)]
    executed = {(check.asset, check.name) for check in checks}
    never_run = [
        (asset, name)
        for asset, names in location.assets.items()
        for name in names
        if written.get(asset) and (asset, name) not in executed
    ]
    hourly_has_run = any(run.job == "hourly" for run in runs)
    return [
        service.location_loads(location),
        service.everything_is_defined(location),
        service.automation_is_on(location),
        service.daemons_are_healthy(client.daemons()),
        service.no_job_failed_last(runs),
        *(lifecycle.hours_have_rows(asset, written, hourly_has_run) for asset in HOURLY_ASSETS[:2]),
        lifecycle.predictions_are_made(written, champion),
        lifecycle.flagged_share_is_within_limits(
            next(iter(client.check_executions("predictions", expected.FLAGGED_SHARE)), None)
        ),
        lifecycle.outcomes_are_counted(written),
        lifecycle.datasets_have_rows(written),
        lifecycle.versions_have_a_status(written),
        lifecycle.champion_is_explained(champion),
        lifecycle.champions_gates_passed(champion, gates),
        service.checks_pass(checks),
        service.no_check_is_left(checks, never_run),
        *(lifecycle.picture_is_there(asset, written[asset]) for asset in expected.WITH_PICTURES),
        service.assets_are_fresh(
            {asset: client.freshness(asset) for asset in expected.WITH_FRESHNESS},
            client.definition("market_snapshot").get("market_ends_with"),
        ),
    ]
