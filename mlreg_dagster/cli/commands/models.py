"""Commands that evaluate, compare and promote model versions; training stands in `training`, scoring in `scoring`."""

from typing import Annotated

import typer

from mlreg_dagster.cli.arguments import (
    Actor,
    Alias,
    EffectiveAt,
    Overrides,
    Reason,
    Version,
    parse_overrides,
)
from mlreg_dagster.cli.session import AsJson, open_registry, open_runner, show
from mlreg_dagster.core.errors import MlregError


def evaluate(
    version: Version,
    holdout: Annotated[str | None, typer.Option(help="Day of the holdout; default: that of its dataset.")] = None,
    overrides: Overrides = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a registered version against all gates. Exits with 1 when a gate fails."""
    from mlreg_dagster import jobs
    from mlreg_dagster.cli.tables import gates_table
    from mlreg_dagster.runner import asset_config

    runner = open_runner()
    name = runner.registry.resolve(version).version
    runner.add_version(name)
    config = {"holdout": holdout, "overrides": parse_overrides(overrides), "actor": actor}
    runner.run_partition(jobs.EVALUATE, name, asset_config("evaluated_model", config))
    evaluation = runner.registry.evaluations(name)[-1]
    status, departures = runner.registry.status(name), list(evaluation.departures or ())
    remarks = [f"This is an experiment, which admits nothing: {'; '.join(departures)}."] if departures else []
    show(
        as_json,
        *remarks,
        f"{name} is {status}.",
        status=status,
        evaluation=gates_table(evaluation),
        departures=departures,
    )
    raise typer.Exit(0 if evaluation.passed else 1)


def evaluations(version: Version = "latest", as_json: AsJson = False) -> None:
    """List every attempt of a version at passing its gates, failed ones first, and what changed between them."""
    from mlreg_dagster.cli.attempt_tables import attempts_table
    from mlreg_dagster.models.evaluation.attempts import attempts_of, headline, looks_at

    registry = open_registry()
    name = registry.resolve(version).version
    attempts = attempts_of(registry.evaluations(name))
    said = headline(attempts)
    looks = looks_at(registry, attempts[-1].evaluation.holdout_sha256) if attempts else None
    remarks = [text for text in (said, looks.sentence if looks else "") if text]
    facts = None if looks is None else {"evaluations": looks.evaluations, "versions": list(looks.versions)}
    show(as_json, *remarks, version=name, headline=said, attempts=attempts_table(name, attempts), looks=facts)


def promote(
    version: Version,
    reason: Reason,
    alias: Alias = "champion",
    actor: Actor = None,
    effective_at: EffectiveAt = None,
    expected: Annotated[str | None, typer.Option(help="The holder you saw, or nobody; default: today's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Point an alias to a version whose gates passed."""
    _move(version, reason, alias, actor, effective_at, expected, as_json)


def rollback(
    reason: Reason,
    version: Annotated[
        str | None, typer.Argument(help="To which; default: the holder before that no rollback left.")
    ] = None,
    alias: Alias = "champion",
    actor: Actor = None,
    effective_at: EffectiveAt = None,
    as_json: AsJson = False,
) -> None:
    """Give an alias back to an older version, never to one that a rollback left."""
    from mlreg_dagster.registry.rules import left_by_rollbacks, rollback_target

    if version is not None:
        registry = open_runner().registry
        name = registry.resolve(version).version
        if name in left_by_rollbacks(registry.history(alias)):
            raise MlregError(
                f"A rollback left {name}, and never leads back to it. `mlreg promote {name} --alias {alias}` asks for "
                f"gates, approvals and all else again."
            )
    else:
        version = rollback_target(open_runner().registry.history(alias))
        if version is None:
            raise MlregError(
                f"No version held {alias} before that a rollback has not left: there is nothing to roll back to. "
                f"Name a version with mlreg promote, which asks for everything again."
            )
    _move(version, reason, alias, actor, effective_at, None, as_json)


def compare(
    left: Version,
    right: Version,
    holdout: Annotated[str | None, typer.Option(help="Day of the holdout; default: the newest frozen.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two versions on the same holdout and planted anomalies, on the outcomes of both, and by worth."""
    from mlreg_dagster.cli.outcome_tables import challenge_table, comparison_table, worth_table
    from mlreg_dagster.governance.head_to_head import compare_on_holdout, compare_on_record, holdout_for

    runner = open_runner()
    registry, store, tables, settings = runner.registry, runner.artifacts, runner.warehouse, runner.settings
    rows = holdout_for(store, holdout)
    models = [registry.resolve(spec) for spec in (left, right)]
    compared = compare_on_holdout(models[0], models[1], rows, registry, store, settings)
    found = compare_on_record(compared.left, compared.right, registry, tables, settings)
    show(
        as_json,
        *(f"{name}: {sentence}" for name, sentence in found.attempts.items()),
        attempts=found.attempts,
        on_holdout=comparison_table(compared),
        on_outcomes=challenge_table(found.on_outcomes) if found.on_outcomes else None,
        worth=worth_table(found.worth),
    )


def _move(
    version: str,
    reason: str,
    alias: str,
    actor: str | None,
    effective_at: str | None,
    expected: str | None,
    as_json: bool,
) -> None:
    from mlreg_dagster.cli.tables import history_table
    from mlreg_dagster.governance.promotion.request import PromotionRequest
    from mlreg_dagster.models.names import NOBODY
    from mlreg_dagster.orchestration.resources import current_actor

    runner = open_runner()
    holder = runner.registry.holder(alias)
    name = runner.registry.resolve(version).version
    seen = expected or (holder.version if holder else NOBODY)
    runner.move_alias(PromotionRequest(name, reason, current_actor(actor), alias, effective_at, seen))
    show(as_json, moves=history_table(runner.registry.history(alias)))
