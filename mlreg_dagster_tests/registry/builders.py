"""Records as the tests of the registry write them."""

import hashlib

import pandas as pd

from mlreg_dagster.registry import (
    AlertChange,
    AlertEvent,
    Attribution,
    DriftJudgement,
    Entry,
    GateResult,
    IncidentEntry,
    IncidentEvent,
    Registry,
    Split,
)
from mlreg_dagster.registry.records.incidents import DETECTED_AT

NOW = pd.Timestamp("2018-01-01", tz="UTC")
START = pd.Timestamp("2017-12-20", tz="UTC")
GOOD = GateResult("anomaly_rate", True, 0.05, "2 % to 20 %", "of 100 rows")
BAD = GateResult("score_gap", False, 0.01, "at least 0.05", "flagged rows score like the others")


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def register(registry: Registry, version: str, **changes):
    values = {
        "detector": "isolation_forest",
        "dataset_day": "2017-12-19",
        "dataset_sha256": sha("dataset"),
        "artifact_sha256": sha(version),
        "manifest": {"features": ["b", "a"], "seed": 42, "clip": None},
    }
    by = Attribution(
        changes.pop("created_by", "ann"), changes.pop("created_at", NOW), run_id=changes.pop("run_id", "run-1")
    )
    return registry.register(version, by, **values | changes)


def evaluate(registry: Registry, version: str, *gates: GateResult, **changes):
    values = {
        "artifact_sha256": sha(version),
        "holdout_sha256": sha("holdout"),
        "gates": gates or (GOOD,),
        "metrics": {"silhouette": 0.4, "recall": None},
        "thresholds": {"min_score_gap": 0.05},
    }
    by = Attribution(
        changes.pop("actor", "ann"), changes.pop("recorded_at", NOW), run_id=changes.pop("run_id", "run-2")
    )
    return registry.record_evaluation(version, by, **values | changes)


def move(registry: Registry, version: str, expected: str | None, effective_at=START, alias="champion", **changes):
    values = {"actor": "bob", "time": NOW, "reason": "better recall", "run_id": None}
    by = Attribution(**{name: changes.pop(name, value) for name, value in values.items()})
    return registry.move_alias(alias, version, by, expected=expected, effective_at=effective_at, **changes)


def decide_on_drift(registry: Registry, day: str = "2026-02-01", **changes):
    actor, time, run_id = changes.pop("actor", "automation"), changes.pop("time", NOW), changes.pop("run", None)
    by, effective_at = Attribution(actor, time, "it drifts", run_id), changes.pop("effective_at", NOW)
    values = {
        "champion": "v1",
        "state": "watch",
        "family": "data",
        "action": "none",
        "table_row": 5,
        "cause": f"data-sudden-{day}-v1",
        "leave_out": (),
        "facts": {"fast": True, "peak": 6.5},
        "threshold": None,
    }
    (recorded,) = registry.record_drift([(DriftJudgement(day, **values | changes), by, effective_at)])
    return recorded


def alert_change(event: str = "firing", subject: str = "hourly", channels=("a", "b"), **changes) -> AlertChange:
    values = {"rule": "run_failed", "onset": NOW, "severity": "ticket", "owner": "anna", "message": "It failed."}
    return AlertChange(
        sha(subject), event, subject=subject, channels=channels, runbook="Alert run_failed", **values | changes
    )


def raise_alert(registry: Registry, **changes) -> AlertEvent:
    """An alert with a message to one channel."""
    by = Attribution("automation", changes.pop("time", NOW), "a look", changes.pop("run", None))
    (event,) = registry.record_alerts(lambda _: [alert_change(channels=("a",), **changes)], by)
    return event


def split(state: str = "canary_5", weight: int = 500, ruling: str = "advance", **facts) -> Split:
    return Split(state, weight, state == "shadow", ruling, facts)


def roll_out(registry: Registry, candidate: str, **changes):
    """A rollout of a version against the champion, just opened."""
    by = Attribution(changes.pop("actor", "bob"), changes.pop("time", NOW), "a better one", changes.pop("run", None))
    holder = registry.holder("champion").version
    values = {"salt": "s1", "expected": holder} | changes
    return registry.open_rollout("champion", candidate, split("staging", 0, "open", asked=True), by, **values)


def shift(registry: Registry, to: Split, expected: int | None = None, **changes):
    """The next change of the open rollout."""
    by = Attribution(
        changes.pop("actor", "automation"), changes.pop("time", NOW), changes.pop("reason", "as planned"),
        changes.pop("run", None),
    )  # fmt: skip
    newest = registry.traffic("champion").sequence if expected is None else expected
    return registry.move_traffic("champion", to, by, expected=newest, **changes)


def add_person(registry: Registry, name: str = "zoe quux", **changes) -> str:
    """A person of the directory; returns the id."""
    by = Attribution(name, changes.pop("time", NOW), "joined the team", changes.pop("run", None))
    sign = changes.pop("sign", None)
    return registry.add_person(Entry(name, **{"contact": None, "roles": ("risk officer",)} | changes), by, sign).person


def suspend(registry: Registry, alias: str = "champion", **changes):
    """Suspend an alias, with the version that holds it."""
    by = Attribution(
        changes.pop("actor", "carla"), changes.pop("time", NOW), changes.pop("reason", "it flags all"),
        changes.pop("run", None),
    )  # fmt: skip
    known = registry.suspensions(alias)
    values = {
        "sequence": len(known) + 1, "expected": registry.holder(alias).version, "facts": {"serving": "refuse"},
    } | changes  # fmt: skip
    return registry.suspend(alias, by, **values)


def resume(registry: Registry, alias: str = "champion", **changes):
    """Resume a suspended alias."""
    by = Attribution(
        changes.pop("actor", "dora"), changes.pop("time", NOW), changes.pop("reason", "it is repaired"),
        changes.pop("run", None),
    )  # fmt: skip
    values = {
        "sequence": len(registry.suspensions(alias)) + 1, "expected": registry.holder(alias).version,
    } | changes  # fmt: skip
    return registry.resume(alias, by, **values)


def open_incident(registry: Registry, began=START, detected=None, **changes) -> IncidentEvent:
    """An incident, just opened."""
    by = Attribution(changes.pop("actor", "anna"), changes.pop("time", NOW), "flags are odd", changes.pop("run", None))
    facts = {DETECTED_AT: (detected or began).isoformat()} | changes.pop("facts", {})
    values = {"title": "Odd flags", "severity": "page", "owner": "bob"} | changes
    return registry.open_incident(IncidentEntry("opened", began, facts=facts, **values), by)


def add_to_incident(registry: Registry, event: str = "noted", number: int = 1, **changes) -> IncidentEvent:
    """A further event of an incident."""
    time = changes.pop("time", NOW)
    by = Attribution(
        changes.pop("actor", "anna"), time, changes.pop("reason", "looked at it"), changes.pop("run", None)
    )
    expected = changes.pop("expected", None)
    entry = IncidentEntry(event, changes.pop("occurred_at", time), **changes)
    return registry.add_to_incident(number, entry, by, expected=expected)
