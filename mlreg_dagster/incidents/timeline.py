"""What happened during an incident, joined from all records of the registry and from what people noted.

What runs did is Dagster's to tell; it is handed in as further entries.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mlreg_dagster.governance.rollout.wording import share, state_in_words
from mlreg_dagster.registry import AlertEvent, Incident, Registry


@dataclass(frozen=True)
class Entry:
    """One thing that happened.

    Attributes:
        at: When.
        kind: Which record tells of it: incident, alert, move, suspension, rollout, drift, training, evaluation,
            decision, refusal, correction, policy, restore, run.
        text: What happened.
        by: Who did it.
        why: Their reason.
        record: The record, as people look it up.
        mitigates: It may have ended the effect on users: an alias moved or was suspended, or a rollout was rolled back.
    """

    at: datetime
    kind: str
    text: str
    by: str
    why: str
    record: str
    mitigates: bool = False


def timeline(registry: Registry, incident: Incident, now: datetime, others: Iterable[Entry] = ()) -> list[Entry]:
    """Everything on record from when the incident began until it was resolved, the first thing first.

    What people noted later and alerts that the incident names are part of it, whenever they were.

    Args:
        registry: Where it is read.
        incident: Which.
        now: The end where it goes on.
        others: Entries from elsewhere.
    """
    within = _Within(incident.began, incident.resolved.occurred_at if incident.resolved else now)
    entries = [
        *_notes(incident),
        *_alerts(registry.alert_events(), incident, within),
        *_moves(registry, within),
        *_suspensions(registry, within),
        *_rollouts(registry, within),
        *_versions(registry, within),
        *_others(registry, within),
        *(each for each in others if within.has(each.at)),
    ]
    return sorted(entries, key=lambda each: each.at)


@dataclass(frozen=True)
class _Within:
    first: datetime
    last: datetime

    def has(self, time: datetime) -> bool:
        return self.first <= time <= self.last

    def place(self, effective_at: datetime, recorded_at: datetime) -> tuple[datetime, str] | None:
        """When a change is shown that counts from one time on and was written at another; None: it is not."""
        if self.has(effective_at):
            late = recorded_at > self.last
            return effective_at, f" (recorded {recorded_at:%Y-%m-%d %H:%M})" if late else ""
        if self.has(recorded_at):
            return recorded_at, f" (it counts from {effective_at:%Y-%m-%d %H:%M} on)"
        return None


def _notes(incident: Incident) -> Iterator[Entry]:
    texts = {"opened": "The incident began", "resolved": "The incident was over", "reviewed": "The report was reviewed"}
    for each in incident.events:
        record = f"event {each.sequence} of incident {incident.number}"
        yield Entry(each.occurred_at, "incident", texts.get(each.event, "Noted"), each.actor, each.reason, record)
    opened = incident.events[0]
    record = f"event 1 of incident {incident.number}"
    yield Entry(incident.detected_at, "incident", "The incident was detected", opened.actor, opened.reason, record)


def _alerts(events: Sequence[AlertEvent], incident: Incident, within: _Within) -> Iterator[Entry]:
    linked = set(incident.links("alerts"))
    for each in events:
        if within.has(each.recorded_at) or each.fingerprint in linked:
            text = f"Alert {each.rule} of {each.subject} ({each.severity}): {each.event}"
            why = each.message if each.event == "firing" else each.reason
            yield Entry(each.recorded_at, "alert", text, each.actor, why, f"alert {each.name}")


def _moves(registry: Registry, within: _Within) -> Iterator[Entry]:
    for each in registry.recorded_moves():
        if placed := within.place(each.effective_at, each.recorded_at):
            at, remark = placed
            text = f"{each.alias} moved from {each.previous_version or 'no version'} to {each.version}{remark}"
            record = f"move {each.alias}:{each.sequence}"
            yield Entry(at, "move", text, each.actor, each.reason, record, mitigates=each.previous_version is not None)


def _suspensions(registry: Registry, within: _Within) -> Iterator[Entry]:
    for each in registry.suspensions():
        if placed := within.place(each.effective_at, each.recorded_at):
            at, remark = placed
            text = f"{each.alias} ({each.version}) was {each.event}{remark}"
            record = f"suspension {each.alias}:{each.sequence}"
            yield Entry(at, "suspension", text, each.actor, each.reason, record, mitigates=each.is_suspended)


def _rollouts(registry: Registry, within: _Within) -> Iterator[Entry]:
    for alias in registry.aliases():
        for each in registry.traffic_history(alias):
            if placed := within.place(each.effective_at, each.recorded_at):
                at, remark = placed
                text = (
                    f"Rollout of {each.candidate} against {each.champion}: {state_in_words(each)}, {share(each)} of "
                    f"{alias}{remark}"
                )
                record = f"change {each.sequence} of {alias}"
                yield Entry(at, "rollout", text, each.actor, each.reason, record, each.state == "rolled_back")


def _versions(registry: Registry, within: _Within) -> Iterator[Entry]:
    """Trainings, evaluations and decisions."""
    for version in registry.versions():
        name = version.version
        if within.has(version.created_at):
            text = f"{name} was trained ({version.detector}, dataset of {version.dataset_day})"
            yield Entry(version.created_at, "training", text, version.created_by, "", name)
        for found in registry.evaluations(name):
            if within.has(found.recorded_at):
                failed = ", ".join(gate.name for gate in found.gates if not gate.passed)
                text = f"{name} was evaluated: {f'failed {failed}' if failed else 'passed all gates'}"
                yield Entry(found.recorded_at, "evaluation", text, found.actor, "", f"evaluation #{found.id}")
        for decision in registry.decisions(name):
            if within.has(decision.recorded_at):
                text = f"{decision.title.capitalize()} of {name}"
                yield _entry("decision", text, decision, f"decision #{decision.id}")
        for taken in registry.withdrawals(name):
            if within.has(taken.recorded_at):
                text = f"Decision #{taken.decision_id} of {name} was withdrawn"
                yield _entry("decision", text, taken, f"withdrawal #{taken.id}")


def _others(registry: Registry, within: _Within) -> Iterator[Entry]:
    """Drift, refusals, corrections, policies and restores."""
    for judged in registry.drift_decisions():
        if placed := within.place(judged.effective_at, judged.recorded_at):
            at, remark = placed
            action = "" if judged.action == "none" else f", {judged.action.replace('_', ' ')}"
            text = f"Drift of {judged.day}: {judged.state}{action}{remark}"
            yield Entry(at, "drift", text, judged.actor, judged.reason, f"drift decision #{judged.id}")
    for refused in registry.refusals():
        if within.has(refused.recorded_at):
            how = "has to wait" if refused.outcome == "hold" else "was refused"
            text = f"{refused.alias} did not move to {refused.version}, which {how}: {refused.because}"
            yield _entry("refusal", text, refused, f"refusal #{refused.id}")
    for back in registry.corrections():
        if within.has(back.recorded_at):
            text = f"Move {back.sequence} of {back.alias} was taken back"
            yield _entry("correction", text, back, f"correction #{back.id}")
    for policy in registry.policies():
        if within.has(policy.recorded_at):
            yield _entry("policy", f"Policy {policy.content_sha256[:12]} was adopted", policy, f"policy #{policy.id}")
    for restored in registry.restores():
        if within.has(restored.recorded_at):
            made = restored.facts.get("branch")
            text = f"The branch {made['name']} was made" if made else "An older copy of the registry was put back"
            yield _entry("restore", text, restored, f"restore #{restored.id}")


class _Attributed(Protocol):
    """A record that says who wrote it, when and why."""

    @property
    def recorded_at(self) -> datetime: ...

    @property
    def actor(self) -> str: ...

    @property
    def reason(self) -> str: ...


def _entry(kind: str, text: str, record: _Attributed, name: str) -> Entry:
    return Entry(record.recorded_at, kind, text, record.actor, record.reason, name)
