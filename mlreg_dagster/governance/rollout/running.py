"""Performs what a run was asked to do with a rollout. What each action does stands in `control`."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.rollout import control
from mlreg_dagster.governance.rollout.looking import look
from mlreg_dagster.governance.rollout.opening import RolloutRequest
from mlreg_dagster.governance.rollout.request import RolloutAction
from mlreg_dagster.registry import Attribution, Registry, TrafficEvent
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Place:
    """Where a rollout is looked at and moved.

    Attributes:
        registry: Rollouts, evaluations, decisions.
        store: Artifacts.
        tables: Predictions and outcomes.
        home: Where servers count what they answer.
        settings: Budgets and statistics.
        governance: What moves are judged by.
    """

    registry: Registry
    store: ArtifactStore
    tables: Warehouse
    home: Path
    settings: Settings
    governance: Governance


def perform(place: Place, action: RolloutAction, *, now: pd.Timestamp, run_id: str | None) -> TrafficEvent | None:
    """Do it, if rules, policy and decision table allow it.

    Args:
        place: Where.
        action: What, by whom and why; its version is named.
        now: The current time.
        run_id: The run that does it.

    Returns:
        The change; None where a step finds nothing to do, or a change that came since it was requested.

    Raises:
        RolloutRefused, PromotionRefused, RegistryError: As by the functions of `control`.
    """
    registry, alias = place.registry, action.alias
    by = Attribution(action.actor, now, action.reason or "", run_id)
    if action.action == "start":
        request = RolloutRequest(
            version=str(action.version),
            reason=str(action.reason),
            actor=action.actor,
            alias=alias,
            expected=action.expected,
            test=action.test,
            effective_at=action.effective_time,
        )
        return control.start(registry, place.store, place.governance, request, now=now, run_id=run_id)
    if action.action == "step":
        return _step(place, action, by)
    newest = registry.traffic(alias)
    seen = int(action.expected) if action.expected is not None else newest.sequence if newest else 0
    if action.action == "abort":
        return control.abort(registry, place.store, place.governance, alias, by, seen)
    change = control.pause if action.action == "pause" else control.resume
    return change(registry, place.governance, alias, by, seen)


def _step(place: Place, action: RolloutAction, by: Attribution) -> TrafficEvent | None:
    newest = place.registry.traffic(action.alias)
    if newest is not None and by.run_id is not None and newest.run_id == by.run_id:
        return newest  # a retry of a run whose change was stored without its notice
    found = look(
        place.registry,
        place.tables,
        place.home,
        place.settings,
        action.alias,
        pd.Timestamp(by.time),
        store=place.store,
        as_of=action.effective_time,
    )
    if found is None or action.expected not in (None, str(found.event.sequence)):
        return None
    return control.step(place.registry, place.store, place.governance, found, by)
