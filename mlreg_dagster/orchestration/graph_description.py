"""A description of the asset graph as plain values: its checks, how fresh it should be, what it starts on its own.

Evidence tells of the whole graph, and is a part of it. So the rest of the graph is described first, and evidence gets
the description, not the graph.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster.orchestration.dagster_internals.queries import fail_window
from mlreg_dagster.orchestration.instance.check_log import latest_results


@dataclass(frozen=True)
class GraphDescription:
    """Assets, checks and automation of a graph, described.

    Attributes:
        checks: The specification of every check, by asset and name.
        freshness: Assets whose newest materialization must not be older than some hours.
        automation: Schedules and sensors.
    """

    checks: tuple[dg.AssetCheckSpec, ...]
    freshness: Sequence[dict[str, Any]]
    automation: Sequence[dict[str, Any]]

    @property
    def check_keys(self) -> list[dg.AssetCheckKey]:
        """The key of every check."""
        return [spec.key for spec in self.checks]

    def with_checks(self, checks: Iterable[dg.AssetCheckSpec]) -> "GraphDescription":
        """The same graph with more checks."""
        return replace(self, checks=_in_order([*self.checks, *checks]))

    def check_states(self, instance: dg.DagsterInstance) -> list[dict[str, Any]]:
        """Every check, its question, and its newest result."""
        latest = latest_results(instance, self.check_keys)
        return [
            {
                "asset": spec.asset_key.to_user_string(),
                "check": spec.name,
                "asks": spec.description,
                "last result": _verdict(latest[spec.key]["passed"]) if spec.key in latest else "never run",
                "of": (latest[spec.key]["partition"] or None) if spec.key in latest else None,
                "recorded": latest[spec.key]["recorded_at"] if spec.key in latest else None,
            }
            for spec in self.checks
        ]


def describe_graph(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec],
    checks: Sequence[dg.AssetChecksDefinition],
    schedules: Iterable[dg.ScheduleDefinition],
    sensors: Iterable[dg.SensorDefinition],
) -> GraphDescription:
    """Describe the parts that a graph is made of."""
    with_checks = [*(each for each in assets if isinstance(each, dg.AssetsDefinition)), *checks]
    specs = [spec for each in assets for spec in ([each] if isinstance(each, dg.AssetSpec) else each.specs)]
    return GraphDescription(
        checks=_in_order(spec for each in with_checks for spec in each.check_specs),
        freshness=[
            {
                "asset": spec.key.to_user_string(),
                "hours": pd.Timedelta(window) / pd.Timedelta("1h"),
            }
            for spec in sorted(specs, key=lambda spec: spec.key)
            if (window := fail_window(spec.freshness_policy)) is not None
        ],
        automation=[
            *({"name": each.name, "kind": "schedule", "does": each.description} for each in schedules),
            *({"name": each.name, "kind": "sensor", "does": each.description} for each in sensors),
        ],
    )


def check_keys(definitions: dg.Definitions) -> list[dg.AssetCheckKey]:
    """Every check of a whole graph."""
    return list(definitions.resolve_asset_graph().asset_check_keys)


def _in_order(specs: Iterable[dg.AssetCheckSpec]) -> tuple[dg.AssetCheckSpec, ...]:
    return tuple(sorted(specs, key=lambda spec: (spec.asset_key.to_user_string(), spec.name)))


def _verdict(passed: bool) -> str:
    return "passed" if passed else "FAILED"
