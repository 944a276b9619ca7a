"""The way back from a champion, tried when the card is made: the rollback is asked for, and nothing moves."""

from collections.abc import Sequence

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.evidence.card.context import WayBack
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.governance.policy.track_record import governance_by
from mlreg_dagster.governance.promotion.promotion import would_promote
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.registry import AliasEvent, Registry
from mlreg_dagster.registry.rules import rollback_target
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_ANYBODY = "reviewer"
"""Asks where the policy names no people."""


def way_back_from(
    version: str,
    champions: Sequence[AliasEvent],
    registry: Registry,
    store: ArtifactStore,
    tables: Warehouse,
    settings: Settings,
    rules: Rules,
    *,
    tampering: str | None,
    now: pd.Timestamp,
) -> WayBack:
    """Ask all that `mlreg rollback` would ask now of the holder before: policy, decisions, bytes and a trial.

    Args:
        version: The version that is on the card; only the champion has a way back.
        champions: All moves of the champion's alias.
        registry: Where decisions are recorded.
        store: Where the artifact of the holder before is.
        tables: What it is tried on.
        settings: The configuration files, which must be in force.
        rules: In force; a person whom they name asks.
        tampering: What does not fit the audit log; rollbacks refuse to build on that.
        now: The current time.

    Raises:
        TransientError: Registry or tables could not be read in time.
    """
    asked = untried_way_back(version, champions)
    target = asked.version
    if target is None:
        return asked
    if tampering is not None:
        return WayBack(target, f"{target}, the champion before, can't take over: the audit log does not fit.")
    actor = next(iter(rules.promotion.people), _ANYBODY)
    request = PromotionRequest(target, "", actor, expected=version)
    try:
        permission = would_promote(registry, store, governance_by(settings, tables, store), request, now=now)
    except TransientError:
        raise
    except MlregError as refused:
        return WayBack(target, f"{target}, the champion before, can't take over: {refused}")
    trial, facts = permission.evidence.get("rollback"), permission.evidence["facts"]
    return WayBack(target, None, tuple(facts["stricter_today"]), dict(trial or {}))


def untried_way_back(version: str, champions: Sequence[AliasEvent]) -> WayBack:
    """To which version it would lead; nothing is asked for.

    Args:
        version: The version that is on the card.
        champions: All moves of the champion's alias.
    """
    if not champions or champions[-1].version != version:
        return WayBack(None, None)
    target = rollback_target(champions)
    if target is None:
        return WayBack(None, f"No champion before {version} remains: there is nothing to go back to.")
    return WayBack(target, None, untried=True)
