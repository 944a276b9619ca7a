"""Checks of the lifecycle: hours, datasets, versions, the champion and its evidence, pictures."""

from collections.abc import Iterable, Mapping, Sequence

from mlreg_dagster.core import names
from mlreg_dagster.core.health import Finding
from mlreg_dagster.models.gates import GATES
from mlreg_dagster.models.names import NOBODY
from mlreg_dagster.outcomes.names import SUSPENDED, VERSION_ROWS
from mlreg_dagster.verification.answers import CheckExecution, Materialization
from mlreg_dagster.verification.embedded import can_be_seen, drawn

Written = Mapping[str, Sequence[Materialization]]
"""Each asset's last materializations, the newest first."""

_STATUSES = {"candidate", "evaluated", "rejected"}


def hours_have_rows(asset: str, written: Written, hourly_has_run: bool) -> Finding:
    """The newest hour of an asset of the market has rows; features have none only where the snapshot has none."""
    newest = _newest_hour(written[asset])
    if newest is None and not hourly_has_run:
        return Finding(asset, "waiting", "No hour yet: the catch-up sensor brings the first ones.")
    if newest is None:
        return Finding(asset, "miss", "No hour, though runs have ended.", "Open the last run of hourly in the UI.")
    seen = f"{newest.rows} rows in {newest.partition}."
    snapshot = _of_partition(written["market_snapshot"], newest.partition)
    market_was_closed = asset != "market_snapshot" and snapshot is not None and snapshot.rows == 0
    if newest.rows or market_was_closed:
        return Finding(asset, "ok", seen)
    return Finding(asset, "miss", seen, "See what the checks say of the hour, then materialize it again.")


def predictions_are_made(written: Written, champion: Materialization | None) -> Finding:
    """The newest hour has predictions, unless there was no champion then, or there was nothing to score."""
    name, newest = "predictions", _newest_hour(written["predictions"])
    if newest is None:
        return Finding(name, "waiting", "No hour yet.")
    rows = _rows_of_versions(newest)
    seen = f"{rows} rows in {newest.partition}."
    if rows:
        return Finding(name, "ok", seen)
    if (suspended := str(newest.metadata.get(SUSPENDED, "no"))) != "no":
        return Finding(name, "waiting", f"{seen} {suspended}", "mlreg resume champion --reason … lets it score again.")
    if champion is None:
        return Finding(name, "waiting", f"{seen} There is no champion.", "Promote a version, if the policy does not.")
    since = str(champion.metadata["effective_at"])
    if str(newest.partition) < since.replace(" ", "-", 1):  # written so, both sort by time
        return Finding(name, "waiting", f"{seen} {champion.metadata['champion']} counts from {since} on.")
    features = _of_partition(written["market_features"], newest.partition)
    if features is not None and features.rows == 0:
        return Finding(name, "ok", f"{seen} There were no features to score.")
    return Finding(name, "miss", seen, "Open the last run of hourly in the UI: its log says who was champion.")


def flagged_share_is_within_limits(newest: CheckExecution | None) -> Finding:
    """What the champion flags, as the check on predictions last found it; an unknown share is not a good one."""
    name = "flagged share"
    if newest is None:
        return Finding(name, "waiting", "Never looked at: the first predictions bring the check.")
    if newest.status == "SUCCEEDED":
        return Finding(name, "ok", newest.text)
    if newest.severity == "ERROR":
        advice = "Roll back, or promote a version that flags less or more: mlreg rollback, mlreg train."
        return Finding(name, "miss", newest.text, advice)
    return Finding(name, "waiting", newest.text or f"The check is {newest.status}.")


def outcomes_are_counted(written: Written) -> Finding:
    """Outcomes follow; that none is dropped is a check of the asset."""
    newest = _newest_hour(written["prediction_outcomes"])
    rows = _rows_of_versions(newest) if newest else 0
    if newest is None or not rows:
        return Finding("prediction_outcomes", "waiting", "No prediction has fallen due.")
    return Finding("prediction_outcomes", "ok", f"{rows} rows in {newest.partition}.")


def _rows_of_versions(newest: Materialization) -> int:
    """The rows of an hour that are of versions: those of rankings say nothing of a champion."""
    return int(newest.metadata.get(VERSION_ROWS, newest.rows or 0))


def datasets_have_rows(written: Written) -> Finding:
    """Both parts of the newest dataset are frozen and hold rows."""
    newest = {kind: written[kind][0] for kind in names.DATASET_ASSETS if written[kind]}
    if not newest:
        return Finding("datasets", "waiting", "None is frozen yet: there are too few hours.")
    seen = ", ".join(f"{kind} {each.partition} with {each.rows} rows" for kind, each in newest.items())
    if len(newest) == len(names.DATASET_ASSETS) and all(each.rows for each in newest.values()):
        return Finding("datasets", "ok", f"{seen}.")
    return Finding("datasets", "miss", f"Only {seen}.", "Open the last run of datasets in the UI.")


def versions_have_a_status(written: Written) -> Finding:
    """Every version is a candidate, evaluated, or rejected."""
    statuses = {str(each.partition): "candidate" for each in written["candidate_model"]}
    for each in reversed(written["evaluated_model"]):
        statuses[str(each.partition)] = str(each.metadata.get("status"))
    if not statuses:
        return Finding("versions", "waiting", "None is trained yet: there is no dataset, or none is due.")
    seen = ", ".join(f"{version} {statuses[version]}" for version in sorted(statuses, key=lambda key: (len(key), key)))
    if set(statuses.values()) <= _STATUSES:
        return Finding("versions", "ok", f"{seen}.")
    return Finding("versions", "miss", f"{seen}.", "Materialize evaluated_model for those without a status.")


def champion_move(written: Written) -> Materialization | None:
    """The newest move of the alias champion; None while there is no champion."""
    moves = (each for each in written["champion_model"] if each.metadata.get("champion", NOBODY) != NOBODY)
    return next((move for move in moves if str(move.metadata.get("moved")).startswith("champion:")), None)


def champion_is_explained(champion: Materialization | None) -> Finding:
    """The champion's version, from when, requested by whom, and why."""
    if champion is None:
        return Finding("champion", "waiting", "There is no champion.", "Promote a version, if the policy does not.")
    facts = champion.metadata
    if missing := [name for name in ("effective_at", "actor", "reason") if not facts.get(name)]:
        seen = f"{facts['champion']}, without {', '.join(missing)}."
        return Finding("champion", "miss", seen, "Materialize champion_model for it again, with a reason.")
    return Finding(
        "champion",
        "ok",
        f"{facts['champion']} from {facts['effective_at']} on, by {facts['actor']}: {facts['reason']}.",
    )


def champions_gates_passed(champion: Materialization | None, gates: Iterable[CheckExecution]) -> Finding:
    """Every gate was passed by that very version; `gates` are its newest executions, of strict gates as well."""
    name = "champion's gates"
    if champion is None:
        return Finding(name, "waiting", "There is no champion.")
    version, statuses = champion.metadata["champion"], {gate.name: gate.status for gate in gates}
    names = dict.fromkeys((*GATES, *statuses))  # a strict gate that was asked for later has no result for it
    missed = [f"{gate} {statuses.get(gate, 'never')}" for gate in names if statuses.get(gate) != "SUCCEEDED"]
    if missed:
        return Finding(name, "miss", f"{version}: {', '.join(missed)}.", f"Evaluate {version} again, or roll back.")
    return Finding(name, "ok", f"{version} passed all {len(names)}.")


def picture_is_there(asset: str, materializations: Sequence[Materialization]) -> Finding:
    """The newest pictures of an asset can be seen; a range of hours has them on its last hour."""
    name = f"pictures of {asset}"
    if not materializations:
        return Finding(name, "waiting", "Not materialized yet.")
    newest = next((pictures for each in materializations if (pictures := drawn(each.metadata))), {})
    if broken := [label for label, markdown in newest.items() if not can_be_seen(markdown)]:
        return Finding(name, "miss", f"Broken: {', '.join(broken)}.", "Materialize it again.")
    if not newest:
        return Finding(name, "miss", "There is none.", "Materialize it again.")
    return Finding(name, "ok", f"{', '.join(newest)}.")


def _newest_hour(materializations: Iterable[Materialization]) -> Materialization | None:
    """That of the latest hour, as last written."""
    latest: dict[str, Materialization] = {}
    for each in materializations:
        latest.setdefault(str(each.partition), each)
    return latest[max(latest)] if latest else None


def _of_partition(materializations: Iterable[Materialization], partition: str | None) -> Materialization | None:
    return next((each for each in materializations if each.partition == partition), None)
