"""Two versions against each other: on the same holdout, which takes seconds, and by what is on record of both.

What differs between their settings, data and software is in `evidence/compared`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets import freezing
from mlreg_dagster.governance.policy.track_record import challenge_on_record
from mlreg_dagster.governance.promotion.champion_challenger import Challenge
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.evaluation import comparison
from mlreg_dagster.models.evaluation.attempts import attempts_of, headline
from mlreg_dagster.models.evaluation.comparison import Comparison
from mlreg_dagster.models.evaluation.rounds import plant_anomalies
from mlreg_dagster.outcomes.worth.newest import newest_worth
from mlreg_dagster.registry import ModelVersion, Registry
from mlreg_dagster.storage.artifacts import Artifact, ArtifactStore
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class OnRecord:
    """What is on record of two versions.

    Attributes:
        attempts: Of each version that was evaluated more than once, a sentence.
        on_outcomes: The two on the predictions of both; None where no prediction of both has an outcome.
        worth: The newest verdict on each against the best simple ranking.
    """

    attempts: Mapping[str, str]
    on_outcomes: Challenge | None
    worth: list[dict[str, Any]]


def holdout_for(store: ArtifactStore, day: str | None = None, until: str | None = None) -> Artifact:
    """The holdout that two versions are compared on.

    Args:
        store: Where holdouts are.
        day: Which one; None: the newest frozen.
        until: The last day that the newest one may be of.

    Raises:
        MlregError: There is none.
    """
    days = [each for each in store.keys(freezing.HOLDOUT) if until is None or each <= until]
    if not days:
        raise MlregError("No holdout is frozen yet. Materialize eval_holdout for a day.")
    found = store.find(freezing.HOLDOUT, day or days[-1])
    if found is None:
        raise MlregError(f"No holdout of {day} is frozen. Frozen days: {', '.join(days)}.")
    return found


def compare_on_holdout(
    left: ModelVersion,
    right: ModelVersion,
    holdout: Artifact,
    registry: Registry,
    store: ArtifactStore,
    settings: Settings,
) -> Comparison:
    """Score the same rows of a holdout, and the same planted anomalies, with both.

    Args:
        left: One of them.
        right: The other one.
        holdout: As `holdout_for` finds it.
        registry: Holds what their evaluations measured of chance in training.
        store: Holds their artifacts and datasets.
        settings: What is planted, and when two are told apart.

    Raises:
        ArtifactError: A bundle is not there, or not what was frozen.
        FeatureMismatch, OtherFeatureSettings: The holdout does not suit one of them.
    """
    rows = freezing.load(store, freezing.HOLDOUT, holdout.key, holdout.sha256)
    models = [artifact.load(store, each.version, each.artifact_sha256) for each in (left, right)]
    rules = settings.evaluation
    rounds = plant_anomalies(rows, rules.injection, settings.features, settings.max_lookback_hours)
    chances = [comparison.chance_of(each, registry, store, rounds, rules.comparison).chance for each in models]
    return comparison.compare(models[0], models[1], rows, rounds, rules.comparison, (chances[0], chances[1]))


def compare_on_record(left: str, right: str, registry: Registry, tables: Warehouse, settings: Settings) -> OnRecord:
    """What attempts, outcomes and worth say of both.

    Args:
        left: One of them.
        right: The other one.
        registry: Holds their evaluations.
        tables: Hold their outcomes, and the worth of each day.
        settings: When two are told apart.
    """
    names = (left, right)
    with tables.session(), tables.connect() as connection:
        found = challenge_on_record(tables, left, right, settings.evaluation.comparison)
        worth = newest_worth(Tables(connection, "the warehouse"))
    attempts = {name: attempts_of(registry.evaluations(name)) for name in names}
    return OnRecord(
        attempts={name: sentence for name, each in attempts.items() if (sentence := headline(each))},
        on_outcomes=found if found.pairs else None,
        worth=[row for row in worth if row["model_version"] in names],
    )
