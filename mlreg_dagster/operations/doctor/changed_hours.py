"""Checks that the tables still hold the hours that the versions in use were trained and evaluated on."""

from collections.abc import Iterator
from contextlib import suppress

import duckdb

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.health import Finding
from mlreg_dagster.datasets.changes import ChangedHours, compare, features_within
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING, Dataset, load
from mlreg_dagster.operations.home import Home
from mlreg_dagster.storage.artifacts import ArtifactError

_NAME = "repaired hours"
_ADVICE = (
    "A dataset that is frozen after the repair has them: train on it (mlreg train), or let retraining do so; until "
    "then the card and the evidence of promotions say so."
)


def frozen_hours_are_unchanged(home: Home) -> Iterator[Finding]:
    """For each version that holds an alias; what can't be read is reported by the findings on tables and records."""
    file = home.registry_file
    if not home.warehouse.exists() or (file is not None and not file.exists()):
        return
    try:
        holders: dict[str, list[str]] = {}
        for alias, move in home.registry.aliases().items():
            holders.setdefault(move.version, []).append(alias)
        found = [(version, aliases, _changes(home, version)) for version, aliases in holders.items()]
    except (MlregError, duckdb.Error) as error:
        yield Finding(_NAME, "waiting", f"They can't be looked for: {error}", "See the other findings.")
        return
    repaired = [
        f"{version} ({', '.join(aliases)}): {change}"
        for version, aliases, changes in found
        for change in changes
        if change.changed
    ]
    if repaired:
        yield Finding(_NAME, "waiting", " ".join(repaired), _ADVICE)
    elif found:
        versions = ", ".join(version for version, *_ in found)
        gone = sum(len(change.gone) for *_, changes in found for change in changes)
        cleared = f" {gone} hours have no rows any more and can't be compared." if gone else ""
        yield Finding(_NAME, "ok", f"None among the frozen hours behind {versions}.{cleared}")


def _changes(home: Home, version: str) -> list[ChangedHours]:
    with home.warehouse.look() as connection:
        return [
            compare(kind, dataset, features_within(connection, dataset.window))
            for kind, dataset in _datasets_behind(home, version)
        ]


def _datasets_behind(home: Home, version: str) -> Iterator[tuple[str, Dataset]]:
    """What a version was trained and evaluated on; a damaged or lost file is reported by another finding."""
    model, evaluation = home.registry.version(version), home.registry.latest_evaluation(version)
    with suppress(ArtifactError):
        yield TRAINING, load(home.artifacts, TRAINING, model.dataset_day, model.dataset_sha256)
    for day in home.artifacts.keys(HOLDOUT):
        with suppress(ArtifactError):
            found = home.artifacts.find(HOLDOUT, day)
            if found and evaluation and found.sha256 == evaluation.holdout_sha256:
                yield HOLDOUT, load(home.artifacts, HOLDOUT, day)
