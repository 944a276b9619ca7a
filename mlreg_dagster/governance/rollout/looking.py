"""A look at an open rollout: reads registry, outcomes and counts, and asks the table. Nothing moves here.

A look knows nothing that lies after its `now`, so that replayed history is decided as it would have been at the time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd

from mlreg_dagster.config import RolloutPolicy, Settings
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.policy.in_force import rules_now
from mlreg_dagster.governance.policy.track_record import governance_by
from mlreg_dagster.governance.rollout import budgets
from mlreg_dagster.governance.rollout.counts import counts_of
from mlreg_dagster.governance.rollout.facts import Standing, facts_of
from mlreg_dagster.governance.rollout.outcomes import read_outcomes
from mlreg_dagster.governance.rollout.permission import permission_for, unpaired
from mlreg_dagster.governance.rollout.states import ABTest, State
from mlreg_dagster.governance.rollout.table import Decision, Facts, judge
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import Registry, TrafficEvent
from mlreg_dagster.registry.names import as_utc
from mlreg_dagster.registry.records.traffic import is_paused, of_rollout
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Look:
    """A rollout as of one time.

    Attributes:
        event: The newest change of its traffic.
        facts: What the table was asked.
        decision: What it says.
        figures: What the facts were made of, as plain JSON; kept with the change that is made of it.
        paused: A person paused it.
        since: When it entered its state.
        unpaired: It has all traffic, and the former champion does not score beside it yet.
        as_of: The replayed time that it was looked at; None: the present.
    """

    event: TrafficEvent
    facts: Facts
    decision: Decision
    figures: Mapping[str, Any]
    paused: bool
    since: datetime
    unpaired: bool = False
    as_of: datetime | None = None

    @property
    def calls_for_step(self) -> bool:
        """Whether `control.step` has something to do."""
        return self.decision.ruling != "hold" or self.unpaired


def look(
    registry: Registry,
    tables: Warehouse,
    home: Path,
    settings: Settings,
    alias: str,
    now: pd.Timestamp,
    *,
    store: ArtifactStore | None = None,
    as_of: datetime | None = None,
) -> Look | None:
    """Look at the open rollout of an alias.

    Args:
        registry: Where it is recorded.
        tables: Where predictions and their outcomes are.
        home: The data home, whose servers write counts.
        settings: The budgets, and the policy of the files; steps and approvals are those of the policy in force.
        alias: Whose traffic it is.
        now: The current time; nothing later counts.
        store: Where the candidate's bundle has to be as it was registered; None: the bundle is not looked at.
        as_of: The replayed time at which outcomes and counts are looked at, while records are those of now.

    Returns:
        None where no rollout is open.

    Raises:
        PolicyNotAdopted: Another release recorded a policy that this one does not know.
    """
    rows = rows_of_open_rollout(registry, alias)
    if not rows:
        return None
    event, time = rows[-1], as_utc(now if as_of is None else as_of)
    governance = governance_by(settings, tables)
    policy = policy_in_force(registry, governance, now)
    state_rows = rows_of_state(rows)
    since, paused = state_rows[0].effective_at, is_paused(rows)
    counted = budgets.measure(
        counts_of(home, rows),
        budgets.Context(
            weights={each.sequence: each.weight for each in rows},
            current=frozenset(each.sequence for each in state_rows),
            settings=settings.rollout,
            now=time,
            needs_server=policy.min_requests > 0,
        ),
    )
    outcomes = read_outcomes(tables, rows, settings, time)
    permission = permission_for(registry, governance, rows, policy, as_utc(now), store, as_of=time)
    facts, figures = facts_of(
        Standing(cast(State, event.state), since, time, paused, ABTest.of(rows[0].facts)),
        policy,
        settings.rollout,
        counted,
        outcomes,
        permission,
    )
    decision = judge(facts)
    figures["decision"] = {"row": decision.row, "ruling": decision.ruling, "state": decision.state}
    lacking = unpaired(registry, governance, rows, as_utc(now))
    return Look(event, facts, decision, figures, paused, since, lacking, as_of)


def rows_of_open_rollout(registry: Registry, alias: str = CHAMPION) -> list[TrafficEvent]:
    """The changes of the open rollout of an alias, the opening first; none where no rollout is open."""
    changes = of_rollout(registry.traffic_history(alias))
    return changes if changes and changes[-1].is_open else []


def rows_of_state(rows: Sequence[TrafficEvent]) -> list[TrafficEvent]:
    """The newest changes of a rollout that have its present state, the first one first."""
    first = next((number for number, each in enumerate(reversed(rows)) if each.state != rows[-1].state), len(rows))
    return list(rows[len(rows) - first :])


def policy_in_force(registry: Registry, governance: Governance, now: datetime) -> RolloutPolicy:
    """The rollout of the risk tier, by the policy in force; the defaults where it names none."""
    rules = rules_now(registry, governance.files, now)
    return rules.promotion.of(rules.use_case.risk_tier).rollout or RolloutPolicy()
