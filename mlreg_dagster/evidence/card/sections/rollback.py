"""Section 7: when another version is trained, and how to go back from this one."""

from typing import Any

import pandas as pd

from mlreg_dagster.evidence.card.context import CardContext, WayBack
from mlreg_dagster.evidence.card.elements import Section, Values
from mlreg_dagster.models.names import CHAMPION


def rollback(context: CardContext) -> Section:
    """When another version is trained, and how to go back from this one."""
    policy, way_back = context.settings.retraining, context.way_back
    own = context.version.manifest["settings"]
    files = [name for name, each in context.settings.models.items() if each.model_dump(mode="json") == own]
    again = [name for name in files if name in policy.models]
    return Section(
        "rollback",
        (
            Values(
                "Retraining",
                {
                    "its settings are those of": [f"{name}.yaml" for name in files] or "no config file of today",
                    "trained again by itself": bool(again),
                    "days between two trainings": policy.every_days,
                    "days after which the champion counts as stale": policy.champion_max_age_days,
                    "who becomes champion by itself": context.rules.promotion.automatic,
                },
                key="retraining",
            ),
            Values(
                "How to undo",
                {
                    "command": undo(context),
                    "would go back to": way_back.version or "no version",
                    "refused now because": way_back.problem,
                    "asked beyond what admitted that version": list(way_back.stricter_today),
                    **_tried(way_back),
                },
                key="undo",
            ),
        ),
    )


def _tried(way_back: WayBack) -> dict[str, Any]:
    trial = way_back.trial
    times = {name: trial.get(name) for name in ("newest_hour", "compared_first", "compared_last")}
    newest, first, last = (pd.Timestamp(each) if each else None for each in times.values())
    return {
        "tried on the newest hour": newest,
        "rows of that hour": trial.get("newest_rows"),
        "its own predictions scored again": trial.get("compared_rows"),
        "the first of them": first,
        "the last of them": last,
        "largest difference of a score": trial.get("largest_difference"),
    }


def undo(context: CardContext) -> str:
    """The command that takes the version back; why there is none, where the policy would refuse it now."""
    if CHAMPION not in context.aliases:
        return "nothing: it is not champion"
    if context.way_back.problem is not None:
        return context.way_back.problem
    command = f'mlreg rollback {context.way_back.version} --reason "…"'
    return f"{command} (whether the policy permits it now was not tried)" if context.way_back.untried else command
