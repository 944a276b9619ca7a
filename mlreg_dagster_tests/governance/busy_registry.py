"""A registry with a long history: promotions, rollbacks, rollouts, suspensions, replays; made from a seed."""

import random
from datetime import UTC, datetime, timedelta

from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.registry.builders import (
    BAD,
    GOOD,
    evaluate,
    move,
    register,
    resume,
    roll_out,
    shift,
    split,
    suspend,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONS = tuple(f"v{number}" for number in range(1, 13))
_STAGES = (("shadow", 0), ("canary_5", 500), ("canary_25", 2_500), ("canary_50", 5_000), ("full", 10_000))


def make_busy(registry: Registry, moves: int = 40, seed: int = 7) -> datetime:
    """Fill an empty registry; returns the time after its last record.

    The first moves are replayed: they count from before anything was recorded on.
    """
    rng, now = random.Random(seed), BEGIN
    for version in VERSIONS:
        register(registry, version, created_at=now, created_by="ann", run_id=None)
        now += timedelta(minutes=rng.randint(1, 300))
        if version == "v12":
            evaluate(registry, version, BAD, recorded_at=now, run_id=None)
        elif version == "v11":
            evaluate(registry, version, GOOD, recorded_at=now, run_id=None, departures=("another seed",))
        elif version != "v10":
            evaluate(registry, version, GOOD, recorded_at=now, run_id=None)
        now += timedelta(minutes=rng.randint(1, 300))
    replayed = BEGIN - timedelta(days=60)
    for index in range(moves):
        now += timedelta(minutes=rng.randint(1, 3_000))
        replayed += timedelta(hours=rng.randint(0, 200))
        effective_at = replayed if index < moves // 5 else now
        _change(registry, rng, now, effective_at, replays=index < moves // 5)
    return now + timedelta(minutes=1)


def _change(registry: Registry, rng: random.Random, now: datetime, effective_at: datetime, *, replays: bool) -> None:
    open_rollout = next((each for each in registry.open_rollouts() if each.alias == "champion"), None)
    holder, stopped = registry.holder("champion"), registry.suspension("champion")
    kind = rng.choice(["promote", "rollback", "challenger", "other"] if replays or holder is None else _KINDS)
    times = {"time": now, "effective_at": effective_at}
    if kind == "suspend":
        (resume if stopped else suspend)(registry, **times)
    elif kind == "rollout" and open_rollout is None:
        roll_out(registry, _another(rng, holder.version), **times)
    elif kind == "rollout":
        stages = [each[0] for each in _STAGES]
        at = stages.index(open_rollout.state) + 1 if open_rollout.state in stages else 0
        if at == len(_STAGES):
            shift(registry, split("closed", 10_000), **times)
        elif rng.random() < 0.2:
            shift(registry, split("rolled_back", 0, "roll_back"), **times)
        elif rng.random() < 0.2:
            shift(registry, split(open_rollout.state, open_rollout.weight, "pause"), **times)
        else:
            shift(registry, split(*_STAGES[at]), **times)
    else:
        alias = kind if kind in ("challenger", "other") else "champion"
        held = registry.holder(alias)
        before = [each.version for each in registry.history(alias)][:-1]
        to = rng.choice(before) if kind == "rollback" and before else _another(rng, held.version if held else None)
        if held is None or to != held.version:
            reason = f"{kind} no. {now:%d %H:%M}"
            move(registry, to, held.version if held else None, alias=alias, reason=reason, **times)


_KINDS = ["promote", "rollback", "challenger", "other", "suspend", "rollout", "rollout", "rollout", "rollout"]


def _another(rng: random.Random, version: str | None) -> str:
    return rng.choice([each for each in VERSIONS[:9] if each != version])
