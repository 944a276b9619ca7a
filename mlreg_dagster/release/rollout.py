"""The last step: whether a rollout can start, and how it began. Starting it is the command's."""

from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import AliasEvent, Registry, TrafficEvent
from mlreg_dagster.release.steps import Step

ROLLOUT = "rollout"


def can_start(registry: Registry, champion: AliasEvent | None, version: str) -> Step:
    """Whether there is a champion to roll out against, and no rollout open."""
    if champion is None:
        detail = f'There is no champion yet: the first one needs no rollout. mlreg promote {version} --reason "…"'
        return Step(ROLLOUT, "failed", detail, {"open": None})
    newest = registry.traffic(CHAMPION)
    if newest is not None and newest.is_open:
        detail = (
            f"A rollout of {newest.candidate} is open, in the state {newest.state}. Wait until it ends, or end it: "
            f'mlreg rollout abort --reason "…"'
        )
        return Step(ROLLOUT, "failed", detail, {"open": newest.rollout})
    return Step(ROLLOUT, "passed", f"A rollout against {champion.version} can start.", {"open": None})


def started(event: TrafficEvent) -> Step:
    """How a rollout began."""
    detail = f"Rollout {event.rollout} of {event.candidate} against {event.champion} began in the state {event.state}."
    return Step(ROLLOUT, "passed", f"{detail} mlreg rollout status tells how it goes on.", {"open": event.rollout})
