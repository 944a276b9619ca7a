"""Tables for the terminal: what the registry and the outcomes say, for people and as plain facts for `--json`.

The facts of each table are documented in docs/json.md.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from mlreg_dagster.cli.figures import as_interval, as_number
from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.core.health import Finding
from mlreg_dagster.governance.moves import approved_by, move_facts
from mlreg_dagster.governance.standing import Standings
from mlreg_dagster.registry import (
    AliasEvent,
    Decision,
    Evaluation,
    PolicyRecord,
    Refusal,
    Withdrawal,
)

if TYPE_CHECKING:  # with what it takes to compare models
    from mlreg_dagster.evidence.reproduction import Reproduction


def versions_table(found: Standings) -> Grid:
    """Every version: what it is, what its gates said, which aliases it holds as of a time."""
    facts: list[dict[str, Any]] = []
    for standing in found.versions:
        metrics = standing.evaluation.metrics if standing.evaluation else {}
        facts.append(
            {
                "version": standing.version.version,
                "detector": standing.version.detector,
                "dataset_day": standing.version.dataset_day,
                "status": standing.status,
                "average_precision": metrics.get("average_precision"),
                "baseline_average_precision": metrics.get("baseline_average_precision"),
                "aliases": list(standing.aliases),
                "badges": [badge.text for badge in standing.badges],
                "artifact_sha256": standing.version.artifact_sha256,
                "trained_at": standing.version.created_at,
                "trained_by": standing.version.created_by,
            }
        )
    grid = Grid(
        "Versions",
        ("version", "detector", "dataset", "status", "AP", "baseline", "is"),
        facts,
        empty="No version is registered yet.",
        caption="AP: average precision at finding planted anomalies.",
    )
    for each in facts:
        grid.add_row(
            each["version"],
            escape(each["detector"].replace("_", " ")),
            each["dataset_day"],
            _status(each["status"]),
            as_number(each["average_precision"]),
            as_number(each["baseline_average_precision"]),
            escape(", ".join(each["badges"])) or "-",
        )
    return grid


def gates_table(evaluation: Evaluation) -> Grid:
    """Every gate of one evaluation."""
    facts = {
        "version": evaluation.version,
        "evaluation": evaluation.id,
        "passed": evaluation.passed,
        "artifact_sha256": evaluation.artifact_sha256,
        "holdout_sha256": evaluation.holdout_sha256,
        "recorded_at": evaluation.recorded_at,
        "actor": evaluation.actor,
        "gates": [asdict(gate) for gate in evaluation.gates],
    }
    grid = Grid(f"Gates of {evaluation.version}", ("gate", "passed", "value", "interval", "threshold"), facts)
    for gate in evaluation.gates:
        passed = "[green]yes[/]" if gate.passed else "[red]NO[/]"
        low, high = ((gate.interval or {}).get(name) for name in ("low", "high"))
        interval = "" if low is None else as_interval(low, high)
        grid.add_row(gate.name, passed, as_number(gate.value), interval, escape(gate.threshold))
    grid.notes += [escape(f"{gate.name}: {gate.detail}") for gate in evaluation.gates if gate.interval]
    return grid


def history_table(events: Iterable[AliasEvent]) -> Grid:
    """Moves of aliases, the newest of each last."""
    events = list(events)
    facts = [move_facts(event) for event in events]
    columns = ("alias", "version", "before", "effective from", "by", "approved by", "reason")
    grid = Grid("Moves", columns, facts, empty="Nobody holds an alias yet.")
    for event in events:
        grid.add_row(
            escape(event.alias),
            event.version,
            event.previous_version or "nobody",
            f"{event.effective_at:%Y-%m-%d %H:%M}",
            escape(event.actor),
            escape(", ".join(approved_by(event))) or "-",
            f"{escape(event.reason)} [dim](recorded {event.recorded_at:%Y-%m-%d %H:%M})[/]",
        )
    return grid


def decisions_table(decisions: Iterable[Decision], withdrawals: Iterable[Withdrawal] = ()) -> Grid:
    """What people decided about a version, the newest last."""
    decisions, taken_back = list(decisions), {each.decision_id: each for each in withdrawals}
    facts = [
        {
            "number": each.id,
            "version": each.version,
            "decision": each.title,
            "actor": each.actor,
            "evaluation": each.evaluation_id,
            "reason": each.reason,
            "recorded_at": each.recorded_at,
            "waives": list(each.waives),
            "expires_at": each.expires_at,
            "signed": each.signature is not None,
            "withdrawn_by": taken_back[each.id].actor if each.id in taken_back else None,
        }
        for each in decisions
    ]
    columns = ("no.", "version", "decision", "by", "on evaluation", "reason", "waives", "signed")
    grid = Grid("Decisions", columns, facts)
    for each in decisions:
        waives = f"{', '.join(each.waives)} until {each.expires_at:%Y-%m-%d %H:%M}" if each.waives else ""
        by = taken_back.get(each.id)
        withdrawn = f" [yellow]withdrawn by {escape(by.actor)}: {escape(by.reason)}[/]" if by else ""
        grid.add_row(
            f"{each.id}",
            each.version,
            each.title,
            escape(each.actor),
            f"#{each.evaluation_id}",
            f"{escape(each.reason)} [dim](recorded {each.recorded_at:%Y-%m-%d %H:%M})[/]{withdrawn}",
            waives,
            "yes" if each.signature else "no",
        )
    return grid


def refusals_table(refusals: Iterable[Refusal]) -> Grid:
    """Promotions that did not happen, the newest last."""
    refusals = list(refusals)
    columns = ("recorded", "alias", "version", "outcome", "by", "because")
    grid = Grid("Refused promotions", columns, [asdict(each) for each in refusals])
    for each in refusals:
        outcome = "has to wait" if each.outcome == "hold" else "refused"
        when = f"{each.recorded_at:%Y-%m-%d %H:%M}"
        grid.add_row(when, each.alias, each.version, outcome, escape(each.actor), escape(each.because))
    return grid


def policies_table(policies: Iterable[PolicyRecord]) -> Grid:
    """Every policy that was in force, the present one last."""
    policies = list(policies)
    columns = ("from", "tier", "by", "approved by", "reason", "hash")
    grid = Grid("Policies", columns, [asdict(each) for each in policies])
    for each in policies:
        tier = str(each.content.get("use_case", {}).get("risk_tier", "-"))
        approved = ", ".join(map(escape, each.approved_by)) or "-"
        when = f"{each.recorded_at:%Y-%m-%d %H:%M}"
        grid.add_row(when, tier, escape(each.actor), approved, escape(each.reason), each.content_sha256[:12])
    return grid


def reproduction_table(found: "Reproduction") -> Grid:
    """A version trained again, against the frozen one."""
    facts = {**asdict(found), "is_exact": found.is_exact}
    grid = Grid(f"{found.version} trained again from its manifest", ("what", "found"), facts)
    grid.add_row("rows scored by both", f"{found.rows:,}")
    grid.add_row("largest difference of a score", f"{found.largest_difference:g}")
    grid.add_row("thresholds", " and ".join(f"{threshold:.9g}" for threshold in found.thresholds))
    grid.add_row("libraries that have changed", escape(", ".join(found.libraries)) or "none")
    grid.add_row("the same to the last bit", "yes" if found.is_exact else "NO")
    return grid


def findings_table(place: str, findings: Iterable[Finding]) -> Grid:
    """What was found in a home or a deployment; what to do about it stands below, so that it can be pasted."""
    findings = list(findings)
    grid = Grid(f"State of {place}", ("state", "what", "seen"), [asdict(finding) for finding in findings])
    for finding in findings:
        grid.add_row(_SIGNS[finding.state], escape(finding.name), escape(finding.seen))
    if advice := [f"- {finding.name}: {finding.advice}" for finding in findings if finding.advice]:
        grid.notes += ["To do:", *advice]
    return grid


_SIGNS = {
    "ok": "[green]ok[/]",
    "waiting": "[yellow]waiting[/]",
    "warning": "[yellow]warning[/]",
    "miss": "[red]MISS[/]",
}


def _status(status: str) -> str:
    colour = {"evaluated": "green", "rejected": "red"}.get(status, "yellow")
    return f"[{colour}]{status}[/]"
