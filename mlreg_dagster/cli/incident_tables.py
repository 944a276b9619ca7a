"""Tables for the terminal on incidents: what rests on an hour, and what another version would have done."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from mlreg_dagster.cli.figures import as_interval, as_number
from mlreg_dagster.cli.outcome_tables import challenge_table
from mlreg_dagster.core.display.text_table import Grid

if TYPE_CHECKING:
    from mlreg_dagster.incidents.impact import Impact
    from mlreg_dagster.incidents.rows import Rows
    from mlreg_dagster.incidents.what_if import WhatIf
    from mlreg_dagster.outcomes.worth.verdict import Comparison

_TIME = "%Y-%m-%d %H:%M"


def impact_tables(found: "Impact") -> dict[str, Grid]:
    """One table for each kind of thing that rests on an hour."""
    what = f"{found.hour:{_TIME}} UTC" + (f", {found.instrument}" if found.instrument else "")
    datasets = Grid(
        f"Frozen datasets on {what}",
        ("dataset", "day", "relation", "hours", "rows", "labels", "changed since"),
        [asdict(each) for each in found.datasets],
        empty=f"No frozen dataset rests on {what}.",
    )
    for each in found.datasets:
        counts = (f"{number:,}" for number in (each.hours, each.rows, each.labels, each.changed))
        datasets.add_row(each.kind, each.day, each.relation, *counts)
    versions = Grid("Versions", ("version", "trained on it", "evaluated on it"), None, empty="Versions: none.")
    for version in found.versions:
        numbers = ", ".join(
            f"#{each.evaluation}" + ("" if each.passed else " (failed)") for each in version.evaluations
        )
        versions.add_row(version.version, version.trained or "no", numbers or "no")
    features = Grid("Features", ("hours", "rows"), None)
    features.add_row(f"{found.feature_hours:,}", f"{found.feature_rows:,}")
    reigns = Grid(
        "Reigns", ("alias", "version", "from", "until", "trained", "admitted", "predicted hours"), None, "Reigns: none."
    )
    for reign in found.reigns:
        until = f"{reign.until:{_TIME}}" if reign.until else "now"
        marks = ("yes" if mark else "no" for mark in (reign.trained, reign.admitted))
        times = (f"{reign.first:{_TIME}}", until)
        reigns.add_row(reign.alias, reign.version, *times, *marks, str(reign.predicted_hours))
    rollouts = Grid(
        "Rollouts",
        ("alias", "number", "candidate", "champion", "state", "pairs on it", "pairs"),
        None,
        "Rollouts: none.",
    )
    for rollout in found.rollouts:
        names = (rollout.alias, str(rollout.rollout), rollout.candidate, rollout.champion, rollout.state)
        rollouts.add_row(*names, f"{rollout.resting:,}", f"{rollout.pairs:,}")
    return {
        "datasets": datasets,
        "versions": versions,
        "features": features,
        "predictions": _rows("Predictions", found.predictions),
        "reasons": _rows("Predictions with reasons", found.reasons),
        "outcomes": _rows("Outcomes, by the hour at which they were due", found.outcomes),
        "reigns": reigns,
        "rollouts": rollouts,
        "served": _rows("Rows of answers", found.served),
    }


def _rows(title: str, found: "Sequence[Rows]") -> Grid:
    columns = ("version", "through", "first", "last", "hours", "rows", "flagged")
    grid = Grid(title, columns, None, f"{title}: none.")
    for each in found:
        counts = (f"{number:,}" for number in (each.hours, each.rows, each.flagged))
        grid.add_row(each.version, each.through, f"{each.first:{_TIME}}", f"{each.last:{_TIME}}", *counts)
    return grid


def what_if_tables(found: "WhatIf") -> dict[str, Grid]:
    """Each of the two by itself, and both on the same rows."""
    hours = f"{found.first:{_TIME}} to {found.last:{_TIME}} UTC"
    sides = Grid(
        f"{found.version} in place of {', '.join(found.champions)}, {hours}",
        ("", "predictions due", "in-sample", "flagged"),
        None,
        caption=f"{found.not_due:,} predictions of the champion are not due yet." if found.not_due else "",
    )
    for side in found.sides:
        sides.add_row(side.version, *(f"{number:,}" for number in (side.predictions, side.in_sample, side.flagged)))
    tables = {"sides": sides, "at_budget": _at_budget(found.version, found.at_budget)}
    return tables | ({"as_flagged": challenge_table(found.as_flagged)} if found.as_flagged.pairs else {})


def _at_budget(version: str, found: "Comparison") -> Grid:
    title = f"At the same flag budget, on {found.pairs:,} pairs: {found.verdict}"
    grid = Grid(title, ("", version, "champion", "difference", "interval for a single look"), None)
    for name in ("precision", "recall", "average_precision"):
        each = getattr(found, name)
        values = (as_number(value) for value in (each.value, each.opponent, each.difference))
        grid.add_row(name.replace("_", " "), *values, as_interval(each.low, each.high))
    if found.evidence.missing:
        grid.notes.append(f"Too early for a verdict: {found.evidence.missing}.")
    return grid
