"""The monitoring plan: what is watched, from which threshold on, and what is done then, by the configuration of today.

What the watched numbers are now is told in the facts of the section itself.
"""

from typing import Any

from mlreg_dagster.config import Settings
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Table
from mlreg_dagster.monitoring.alerts.rules import RULES

_NOT_WORTH = {"better": "not better", "not_worse": "worse"}
_CHECK = "the check fails; a notice goes out"


def plan_facts(context: CardContext) -> list[Fact]:
    """Thresholds and actions, who hears of which alert, and what is open now."""
    return [
        Table("Monitoring plan: threshold and action", plan_of(context.settings), key="monitoring_plan"),
        Table("Who hears of which alert", alerts_of(context.settings), folded=True, key="alert_routes"),
        Table("Alerts that are open now", _open(context), key="open_alerts"),
    ]


def plan_of(settings: Settings) -> list[dict[str, Any]]:
    """Rows of what is watched, its threshold, where that is set, and what is done."""
    return [*_of_data(settings), *_of_model(settings), *_of_drift(settings), *_of_rollout(settings)]


def alerts_of(settings: Settings) -> list[dict[str, Any]]:
    """Rows of each alert rule: severity, owner and channels."""
    told, owner = settings.notifications, settings.use_case.owner
    rows = []
    for rule in RULES.values():
        acts = told.owners.get(rule.name, owner)
        channels = [
            name
            for name, each in told.channels.items()
            if rule.severity in each.severities and (not each.owners or acts in each.owners)
        ]
        fallback = "the webhook" if told.webhook_url else "the log"
        rows.append(
            {
                "alert": rule.name,
                "means": rule.meaning,
                "severity": rule.severity,
                "owner": acts,
                "goes to": channels if told.channels else fallback,
            }
        )
    return rows


def _of_data(settings: Settings) -> list[dict[str, Any]]:
    checks = settings.ingest.checks
    return [
        _row("age of the newest hour", f"more than {checks.max_age_hours} h", "ingest.yaml", _CHECK),
        _row("share of known values", f"less than {checks.completeness:g}", "ingest.yaml", _CHECK),
        _row("rows against the universe", f"less than {checks.min_universe_share:g}", "ingest.yaml", _CHECK),
    ]


def _of_model(settings: Settings) -> list[dict[str, Any]]:
    limits, case, again = settings.evaluation, settings.use_case, settings.retraining
    models = ", ".join(again.models) or "no model"
    rows = [
        _row(
            "share that the champion flags",
            f"outside of {limits.min_anomaly_rate:g} to {limits.max_anomaly_rate:g}",
            "evaluation.yaml",
            "the alert flagged_share; it speaks against the version",
        ),
        _row(
            "worth against simple rankings",
            _NOT_WORTH[case.worth] if case.worth else "not asked",
            "use_case.yaml",
            f"{_CHECK}; it speaks against the version" if case.worth else "none",
        ),
        _row("age of the champion", f"{again.champion_max_age_days} days", "retraining.yaml", "the alert champion_old"),
        _row("days since a training", f"{again.every_days}", "retraining.yaml", f"{models} is trained and evaluated"),
    ]
    return rows + [
        _row(
            f"{each.metric} of outcomes",
            " or ".join(
                f"{words} {bound:g}"
                for words, bound in (("below", each.at_least), ("above", each.at_most))
                if bound is not None
            ),
            "use_case.yaml",
            "it speaks against the version",
        )
        for each in case.success
    ]


def _of_drift(settings: Settings) -> list[dict[str, Any]]:
    seen, then = settings.drift.detection, settings.drift.response
    trained = f"a candidate is trained, at most {then.trainings} in {then.budget_days} days"
    return [
        _row("a statistic of a day against quiet days", f"|z| of {seen.fast_z:g}", "drift.yaml", "a watch opens"),
        _row(
            "features with a short memory",
            f"|z| of {seen.slow_z:g} on two of three days, or {seen.week_z:g} on average of seven",
            "drift.yaml",
            "a watch opens",
        ),
        _row(
            "confirmed drift that stays",
            f"{then.chronic_days} days",
            "drift.yaml",
            trained if then.trainings else "people are told",
        ),
        _row(
            "recall against a rival on the same outcomes",
            f"{seen.concept_drop:g} lower at {seen.concept_confidence:.0%}, {then.min_episodes} crash episodes",
            "drift.yaml",
            f"the alert champion_worse; {trained}" if then.trainings else "the alert champion_worse",
        ),
        _row("too little evidence", f"{then.unknown_days} days in a row", "drift.yaml", "the alert drift_unknown"),
    ]


def _of_rollout(settings: Settings) -> list[dict[str, Any]]:
    asked, back = settings.rollout, "the candidate goes back"
    return [
        _row("seconds with an error, of a candidate", f"more than {asked.error_share:g}", "rollout.yaml", back),
        _row(
            f"seconds that are slow (answers over {asked.slow_ms:g} ms)",
            f"more than {asked.slow_share:g}",
            "rollout.yaml",
            back,
        ),
        _row(
            "share that a candidate flags",
            f"outside of {asked.flagged_at_least:g} to {asked.flagged_at_most:g}",
            "rollout.yaml",
            back,
        ),
        _row("age of a server's counts", f"{asked.stale_seconds:g} s", "rollout.yaml", "nothing goes on"),
    ]


def _row(watched: str, threshold: str, file: str, action: str) -> dict[str, Any]:
    return {"watched": watched, "threshold": threshold, "set in": file, "action": action}


def _open(context: CardContext) -> list[dict[str, Any]]:
    return [
        {
            "alert": each.event.rule,
            "about": each.event.subject,
            "severity": each.event.severity,
            "since": each.event.recorded_at,
            "message": each.event.message,
        }
        for each in context.more.alerts
    ]
