"""Tables for the terminal: what the registry and the outcomes say, for people."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from mlreg_dagster.finding import Finding
from mlreg_dagster.governance.challenge import Challenge
from mlreg_dagster.governance.reproduction import Reproduction
from mlreg_dagster.models.comparison import Comparison
from mlreg_dagster.storage.registry import (
    AliasEvent,
    Decision,
    Evaluation,
    PolicyRecord,
    Refusal,
    Registry,
    Withdrawal,
)


def versions_table(registry: Registry, now: pd.Timestamp) -> Table:
    """Every version: what it is, what its gates said, which aliases it holds as of now."""
    table = _table("Versions", "version", "detector", "dataset", "status", "AP", "baseline", "aliases")
    holders = {alias: event for alias in registry.aliases() if (event := registry.holder(alias, now))}
    for version in registry.versions():
        evaluation = registry.latest_evaluation(version.version)
        metrics = evaluation.metrics if evaluation else {}
        found, baseline = (metrics.get(name) for name in ("average_precision", "baseline_average_precision"))
        table.add_row(
            version.version,
            version.detector.replace("_", " "),
            version.dataset_day,
            _status(registry.status(version.version)),
            _number(found),
            _number(baseline),
            ", ".join(alias for alias, event in holders.items() if event.version == version.version) or "-",
        )
    table.caption = "AP: average precision at finding planted anomalies."
    return table


def gates_table(evaluation: Evaluation) -> Table:
    """Every gate of one evaluation."""
    table = _table(f"Gates of {evaluation.version}", "gate", "passed", "value", "threshold")
    for gate in evaluation.gates:
        passed = "[green]yes[/]" if gate.passed else "[red]NO[/]"
        table.add_row(gate.name, passed, _number(gate.value), gate.threshold)
    return table


def history_table(events: Iterable[AliasEvent]) -> Table:
    """Moves of aliases, the newest of each last."""
    table = _table("Moves", "alias", "version", "before", "effective from", "by", "reason")
    for event in events:
        table.add_row(
            event.alias,
            event.version,
            event.previous_version or "nobody",
            f"{event.effective_at:%Y-%m-%d %H:%M}",
            escape(event.actor),
            f"{escape(event.reason)} [dim](recorded {event.recorded_at:%Y-%m-%d %H:%M})[/]",
        )
    return table


def uncounted_moves(registry: Registry, alias: str, now: pd.Timestamp) -> Iterator[str]:
    """The moves of an alias that do not count as of now, in words: those that were taken back or lie in the future."""
    taken_back = {each.sequence: each for each in registry.corrections() if each.alias == alias}
    for move in registry.recorded_moves(alias):
        said = f"The move to {move.version}, recorded {move.recorded_at:%Y-%m-%d %H:%M}, "
        if correction := taken_back.get(move.sequence):
            when = f"{correction.recorded_at:%Y-%m-%d %H:%M}"
            yield f"{said}was taken back by {correction.actor} at {when}: {correction.reason}"
        elif move.effective_at > now:
            yield f'{said}lies after now. Take it back: mlreg correct {alias} --reason "…"'


def decisions_table(decisions: Iterable[Decision], withdrawals: Iterable[Withdrawal] = ()) -> Table:
    """What people decided about a version, the newest last."""
    table = _table("Decisions", "no.", "version", "decision", "by", "on evaluation", "reason", "lifts", "signed")
    taken_back = {each.decision_id: each for each in withdrawals}
    for each in decisions:
        lifts = f"{', '.join(each.lifts)} until {each.expires_at:%Y-%m-%d %H:%M}" if each.lifts else ""
        by = taken_back.get(each.id)
        withdrawn = f" [yellow]withdrawn by {escape(by.actor)}: {escape(by.reason)}[/]" if by else ""
        table.add_row(
            f"{each.id}",
            each.version,
            each.kind,
            escape(each.actor),
            f"#{each.evaluation_id}",
            f"{escape(each.reason)} [dim](recorded {each.recorded_at:%Y-%m-%d %H:%M})[/]{withdrawn}",
            lifts,
            "yes" if each.signature else "no",
        )
    return table


def refusals_table(refusals: Iterable[Refusal]) -> Table:
    """Promotions that did not happen, the newest last."""
    table = _table("Refused promotions", "recorded", "alias", "version", "outcome", "by", "because")
    for each in refusals:
        outcome = "has to wait" if each.outcome == "hold" else "refused"
        when = f"{each.recorded_at:%Y-%m-%d %H:%M}"
        table.add_row(when, each.alias, each.version, outcome, escape(each.actor), escape(each.because))
    return table


def policies_table(policies: Iterable[PolicyRecord]) -> Table:
    """Every policy that was in force, the present one last."""
    table = _table("Policies", "from", "tier", "by", "approved by", "reason", "hash")
    for each in policies:
        tier = str(each.content.get("use_case", {}).get("risk_tier", "-"))
        approved = ", ".join(map(escape, each.approved_by)) or "-"
        when = f"{each.recorded_at:%Y-%m-%d %H:%M}"
        table.add_row(when, tier, escape(each.actor), approved, escape(each.reason), each.content_sha256[:12])
    return table


def reproduction_table(found: Reproduction) -> Table:
    """A version trained again, against the frozen one."""
    table = _table(f"{found.version} trained again from its manifest", "", "")
    table.add_row("rows scored by both", f"{found.rows:,}")
    table.add_row("largest difference of a score", f"{found.largest_difference:g}")
    table.add_row("thresholds", " and ".join(f"{threshold:.9g}" for threshold in found.thresholds))
    table.add_row("libraries that have changed", ", ".join(found.libraries) or "none")
    table.add_row("the same to the last bit", "yes" if found.is_exact else "NO")
    return table


def outcomes_table(summary: pd.DataFrame, confidence: float) -> Table:
    """How right each version was, a column each; `summary` is that of `outcomes.metrics.summary`."""
    rows = summary.to_dict("records")
    table = _table(f"Outcomes, with {confidence:.0%} intervals", "", *(str(row["model_version"]) for row in rows))
    for name in _COUNTS:
        table.add_row(name.replace("_", " "), *(f"{row[name]:,}" for row in rows))
    for name in ("recall", "precision", "false_alarm_rate", "base_rate"):
        table.add_row(name.replace("_", " "), *(_interval(row, name, _percent) for row in rows))
    table.add_row("lift", *(_interval(row, "lift", _number) for row in rows))
    return table


_COUNTS = ("predictions", "in_sample", "resolved", "unresolved", "crashes", "flagged", "true_positives")


def comparison_table(compared: Comparison) -> Table:
    """Two versions on the same rows."""
    table = _table(f"On the same {compared.rows} holdout rows", "", compared.left, compared.right)
    table.add_row("injection average precision", *(_number(value) for value in compared.average_precision))
    table.add_row("flagged", *(_percent(value) for value in compared.anomaly_rate))
    table.add_row("same label", _percent(compared.agreement), "")
    table.add_row("rank correlation of scores", _number(compared.rank_correlation), "")
    if compared.in_sample:
        table.add_row("knew this holdout (numbers flatter it)", ", ".join(compared.in_sample), "")
    return table


def challenge_table(found: Challenge) -> Table:
    """Two versions on what became of the predictions that both made."""
    title = f"On {found.pairs:,} predictions of both, {found.crashes:,} of them before a crash: {found.verdict}"
    table = _table(title, f"{found.challenger} minus {found.champion}", "difference", "interval", "verdict")
    for name in ("informedness", "recall", "precision", "error_rate"):
        each = getattr(found, name)
        interval = f"{_number(each.low)} to {_number(each.high)}"
        said = f"{each.verdict} ({each.reason})" if each.reason else each.verdict
        table.add_row(name.replace("_", " "), _number(each.difference), interval, said)
    return table


def findings_table(url: str, findings: Iterable[Finding]) -> Table:
    """What was found in a running deployment."""
    table = _table(f"State of {url}", "state", "what", "seen", "to do")
    for finding in findings:
        table.add_row(_SIGNS[finding.state], finding.name, escape(finding.seen), escape(finding.advice) or "-")
    return table


_SIGNS = {"ok": "[green]ok[/]", "waiting": "[yellow]waiting[/]", "miss": "[red]MISS[/]"}
_UNBROKEN = {"state", "what", "version", "dataset", "status", "alias", "effective from", "by", "flagged", "baseline"}


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", caption_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _UNBROKEN)
    return table


def _status(status: str) -> str:
    colour = {"evaluated": "green", "rejected": "red"}.get(status, "yellow")
    return f"[{colour}]{status}[/]"


def _number(value: Any) -> str:
    return "-" if value is None or pd.isna(value) else f"{value:.3g}"


def _percent(value: Any) -> str:
    return "-" if value is None or pd.isna(value) else f"{value:.1%}"


def _interval(row: dict[Any, Any], name: str, shown: Any) -> str:
    if pd.isna(row[name]):
        return "undefined"
    if pd.isna(row[f"{name}_low"]):
        return str(shown(row[name]))
    return f"{shown(row[name])} ({shown(row[f'{name}_low'])} to {shown(row[f'{name}_high'])})"
