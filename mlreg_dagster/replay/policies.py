"""Policies that a replay compares: which version each of them would have had as champion, period by period.

Their versions score beside the champion, as requested ones. What a policy has decided is stored, so that a replay that
was killed goes on, and its report can be made again. How they did is measured in `comparison`.
"""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from mlreg_dagster.outcomes.replay_schema import REPLAY_POLICIES
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

NEVER, RETRAIN, PLANTED = "never retrain", "always retrain", "better at planted anomalies"

Better = Callable[[str, str], bool]
"""Whether the first version is better than the second at finding planted anomalies, on the holdout of the first."""


def decide(
    before: Mapping[str, str], passed: Mapping[str, str], models: Sequence[str], better: Better
) -> dict[str, str]:
    """What each policy has as champion, once the candidates of a period are evaluated.

    Args:
        before: Its champion before, by policy.
        passed: The candidate of each model file, where its gates passed.
        models: The model files, in the order in which they are asked.
        better: Compares two versions.

    Returns:
        By policy; one that has never had a candidate is left out.
    """
    after = dict(before)
    for model in models:
        if model in passed:
            after.setdefault(_of(NEVER, model), passed[model])
            after[_of(RETRAIN, model)] = passed[model]
            champion = after.setdefault(PLANTED, passed[model])
            if champion != passed[model] and better(passed[model], champion):
                after[PLANTED] = passed[model]
    return after


def _of(policy: str, model: str) -> str:
    return f"{policy}: {model}"


def record(tables: Warehouse, first: pd.Timestamp, decided: Mapping[str, str]) -> None:
    """Store what was decided for the period that begins at `first`."""
    rows = [{"day": first, "policy": policy, "model_version": version} for policy, version in decided.items()]
    frame = pd.DataFrame(rows, columns=list(REPLAY_POLICIES.columns)).astype(REPLAY_POLICIES.empty().dtypes.to_dict())
    tables.write(REPLAY_POLICIES, frame.sort_values(["day", "policy"], ignore_index=True), [first])


def recorded(tables: Warehouse, first: pd.Timestamp) -> dict[str, str] | None:
    """What was decided for the period that begins at `first`; None where nothing was."""
    rows = tables.read(REPLAY_POLICIES, first, first)
    return dict(zip(rows["policy"], rows["model_version"], strict=True)) if len(rows) else None


def newest_before(tables: Warehouse, first: pd.Timestamp) -> dict[str, str]:
    """What was decided for the newest period before `first`."""
    rows = tables.read(REPLAY_POLICIES, None, first - pd.Timedelta(days=1))
    newest = rows[rows["day"] == rows["day"].max()]
    return dict(zip(newest["policy"], newest["model_version"], strict=True))
