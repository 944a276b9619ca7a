"""What a graph says of itself: what it checks, how fresh it wants to be, what it starts by itself."""

from collections.abc import Iterable
from typing import Any

import dagster as dg
import pandas as pd
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from mlreg_dagster.orchestration.check_log import latest_results


def check_keys(definitions: dg.Definitions) -> list[dg.AssetCheckKey]:
    """Every check, by asset and name."""
    keys = definitions.resolve_asset_graph().asset_check_keys
    return sorted(keys, key=lambda key: (key.asset_key.to_user_string(), key.name))


def checks(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    """Every check, what it asks, and its last result."""
    graph, keys = definitions.resolve_asset_graph(), check_keys(definitions)
    latest = latest_results(instance, keys)
    return [
        {
            "asset": key.asset_key.to_user_string(),
            "check": key.name,
            "asks": graph.get_check_spec(key).description,
            "last result": _verdict(latest[key]["passed"]) if key in latest else "never run",
            "of": latest[key]["partition"] if key in latest else "",
            "recorded": f"{latest[key]['recorded_at']:%Y-%m-%d %H:%M} UTC" if key in latest else "",
        }
        for key in keys
    ]


def freshness(definitions: dg.Definitions) -> list[dict[str, Any]]:
    """Assets whose newest materialization must not be older than some hours."""
    return [
        {
            "asset": spec.key.to_user_string(),
            "hours": pd.Timedelta(policy.fail_window.to_timedelta()) / pd.Timedelta("1h"),
        }
        for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key)
        if isinstance(policy := spec.freshness_policy, TimeWindowFreshnessPolicy)
    ]


def automation(definitions: dg.Definitions) -> list[dict[str, Any]]:
    """Schedules and sensors."""
    return [
        *({"name": each.name, "kind": "schedule", "does": each.description} for each in _all(definitions.schedules)),
        *({"name": each.name, "kind": "sensor", "does": each.description} for each in _all(definitions.sensors)),
    ]


def _all(found: Iterable[Any] | None) -> Iterable[Any]:
    return found or ()


def _verdict(passed: bool) -> str:
    return "passed" if passed else "FAILED"
