"""Moving an alias: the evidence is read again, for that very version and its bytes, when it moves."""

from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from mlreg_dagster.governance.decisions.authority import fault_of_reason, spelled
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.policy.in_force import Rules, require_adopted, rules_in_force
from mlreg_dagster.governance.promotion.permits import PromotionHeld as PromotionHeld
from mlreg_dagster.governance.promotion.permits import PromotionRefused as PromotionRefused
from mlreg_dagster.governance.promotion.permits import by_policy, refusals_on_record
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.names import NOBODY
from mlreg_dagster.registry import AliasEvent, Attribution, Dossier, Permission, Permit, Registry
from mlreg_dagster.registry.names import check_alias
from mlreg_dagster.registry.rules import check_move, former_holders
from mlreg_dagster.storage.artifacts import ArtifactStore


def promote(
    registry: Registry,
    store: ArtifactStore,
    governance: Governance,
    request: PromotionRequest,
    *,
    now: pd.Timestamp,
    run_id: str | None = None,
) -> AliasEvent:
    """Move an alias to a version. Rollback is the same, with an older version, which is tried out first.

    A refusal is recorded in the registry, unless what was asked for can't even be written down.

    Args:
        registry: Where gates, decisions, policies and aliases are recorded.
        store: Where the artifact is; it must be intact and loadable.
        governance: What it is judged by.
        request: Which version is to hold which alias, who asks, and why.
        now: The current time.
        run_id: The run that promotes.

    Raises:
        PromotionHeld: The policy says to wait; the message says for what.
        PromotionRefused: The policy says no, the reason is too short, or the model may not score yet at `effective_at`.
        PolicyNotAdopted: The configuration files ask for another policy than the one in force.
        RollbackRefused: A former holder no longer does its work.
        ArtifactMissing, ArtifactTampered, UntrustedModel: The artifact can't be used.
        NotAName: The actor's name or the reason has a forbidden form.
        RegistryError: Unknown version, gates not passed, another holder than expected, times out of order.
    """
    check_alias(request.alias)
    by = spelled(Attribution(request.actor, now, request.reason, run_id), registry)
    model_version = registry.resolve(request.version)
    with refusals_on_record(registry, request.alias, model_version, by):
        return _move(registry, store, governance, replace(request, version=model_version.version), by)


def would_promote(
    registry: Registry, store: ArtifactStore, governance: Governance, request: PromotionRequest, *, now: pd.Timestamp
) -> Permission:
    """Ask all that `promote` asks, but for the length of the reason; nothing is written, and nothing moves.

    The arguments are those of `promote`.

    Returns:
        The evidence that would be kept with the move.

    Raises:
        MlregError: `promote` would refuse now; the errors are the same.
    """
    by = Attribution(request.actor, now, request.reason)
    rules = rules_in_force(registry, governance.files)
    require_adopted(rules, governance.files)
    version = registry.resolve(request.version).version
    asked = _asked(registry, store, governance, rules, replace(request, version=version), by)
    moves = asked.before.moves
    check_move(request.alias, version, asked.expected, moves[-1] if moves else None, asked.effective_at, now)
    return asked.permit(asked.before)


class _Asked(NamedTuple):
    """A move whose slow checks have passed; the permit is asked last."""

    before: Dossier
    expected: str | None
    effective_at: pd.Timestamp
    permit: Permit


def _move(
    registry: Registry, store: ArtifactStore, governance: Governance, request: PromotionRequest, by: Attribution
) -> AliasEvent:
    rules = governance.rules(registry, pd.Timestamp(by.time))
    if fault := fault_of_reason(by.reason, rules.promotion):
        raise PromotionRefused(fault)
    if (own := registry.move_of_run(request.alias, by)) is not None:
        return own  # this run is tried again, since it did not hear that its move was stored
    asked = _asked(registry, store, governance, rules, request, by)
    return registry.move_alias(
        request.alias,
        request.version,
        by,
        expected=asked.expected,
        effective_at=asked.effective_at,
        permit=asked.permit,
    )


def _asked(
    registry: Registry,
    store: ArtifactStore,
    governance: Governance,
    rules: Rules,
    request: PromotionRequest,
    by: Attribution,
) -> _Asked:
    """Check the time and the artifact, and try a former holder; what the policy says is the permit's to ask."""
    now = pd.Timestamp(by.time)
    expected = _holder(registry, request.alias) if request.expected is None else request.expected
    effective_at = request.effective_time or now
    _require_present(request.alias, effective_at, now, governance)
    before = registry.dossier(request.version, request.alias)
    version = before.version
    model = artifact.load(store, version.version, version.artifact_sha256)
    _require_knows_no_future(model, request, effective_at)
    is_rollback = version.version in former_holders(before.moves)
    permit = by_policy(
        before,
        governance,
        rules,
        by,
        as_of=min(now, effective_at),
        rollback=governance.validate_rollback(model) if is_rollback else None,
    )
    return _Asked(before, None if expected == NOBODY else expected, effective_at, permit)


def _holder(registry: Registry, alias: str) -> str:
    holder = registry.holder(alias)
    return holder.version if holder else NOBODY


def _require_present(alias: str, effective_at: pd.Timestamp, now: pd.Timestamp, governance: Governance) -> None:
    if effective_at < now and not governance.replays_history:
        raise PromotionRefused(
            f"{alias} can't move as of {effective_at:%Y-%m-%d %H:%M} UTC: that is in the past, where only a "
            f"replay of history writes. Leave the time out."
        )


def _require_knows_no_future(model: Model, request: PromotionRequest, effective_at: pd.Timestamp) -> None:
    if effective_at < model.scores_from:
        raise PromotionRefused(
            f"{request.version} may score from {model.scores_from:%Y-%m-%d %H:%M} UTC on, the end of its "
            f"dataset; as {request.alias} from {effective_at:%Y-%m-%d %H:%M} on it would have known the future."
        )
