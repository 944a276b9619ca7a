"""How good a version has been in use: its outcomes, and whether the use case is met."""

from dataclasses import asdict
from typing import Any

import pandas as pd

from mlreg_dagster.config.sections.governance import SuccessMetric
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Picture, Table, Text, Values, when
from mlreg_dagster.outcomes.worth.lead_time import FALL_PCT, LeadTime, lead_time_of

_COUNTS = ("predictions", "in_sample", "resolved", "unresolved", "crashes", "flagged", "true_positives")
_RATES = ("lift", "recall", "precision", "false_alarm_rate", "base_rate")


def success(context: CardContext, asked: SuccessMetric) -> dict[str, Any]:
    """A metric of success against the outcomes: by its value, and whether its interval says the same."""
    rates = {**measured(context), **_lead_times(context)} if not context.outcomes.empty else {}
    value, low, high = (rates.get(f"{asked.metric}{end}") for end in ("", "_low", "_high"))
    if value is None:
        verdict = "not known: no outcome tells"
    else:
        met = _within(value, asked)
        verdict = "met" if met else "NOT met"
        if low is None or high is None or {_within(low, asked), _within(high, asked)} != {met}:
            verdict += ", but its interval does not tell"
    return {
        "metric": asked.metric,
        "at least": asked.at_least,
        "at most": asked.at_most,
        "value": value,
        "low": low,
        "high": high,
        "verdict": verdict,
    }


def measured(context: CardContext) -> dict[str, Any]:
    """Counts, rates and intervals over all its outcomes; a rate that is not defined is None."""
    from mlreg_dagster.outcomes.performance.metrics import summary

    row = summary(context.outcomes, context.settings.outcomes).to_dict("records")[0]
    return {str(name): None if isinstance(value, float) and pd.isna(value) else value for name, value in row.items()}


def outcome_facts(context: CardContext) -> list[Fact]:
    """Counts, rates with their intervals, and what they look like."""
    from mlreg_dagster.outcomes.performance.metrics import performance
    from mlreg_dagster.outcomes.plots import confusion_picture, performance_picture
    from mlreg_dagster.outcomes.worth.blocks import MIN_DAYS, MIN_WEEKS

    totals, settings = measured(context), context.settings.outcomes
    hours = context.outcomes["hour"]
    title = f"Outcomes due from {when(hours.min())} to {when(hours.max())}; a crash is {settings.crash}"
    rates = [
        {"rate": name, "value": totals[name], "low": totals[f"{name}_low"], "high": totals[f"{name}_high"]}
        for name in _RATES
    ]
    return [
        Values(title, {name: totals[name] for name in _COUNTS}, key="outcomes"),
        Table(f"How good since, with intervals of {settings.confidence:.0%}", rates, key="rates"),
        Text(
            f"The intervals resample whole weeks with all instruments, days where there are fewer than {MIN_WEEKS} "
            f"weeks; there is none for fewer than {MIN_DAYS} days. By days they are too narrow.",
            key="intervals",
        ),
        *lead_time_facts(context),
        Picture(lambda: confusion_picture(totals)),
        Picture(lambda: performance_picture(performance(context.outcomes))),
    ]


def lead_time_facts(context: CardContext) -> list[Fact]:
    """How early crash episodes were flagged, and how many before the price had begun to fall."""
    found = _lead_time(context)
    if not found.caught:
        text = f"Of {found.episodes} crash episodes none was flagged: how early its flags come is not known."
        return [Text(text, key="lead_time")]
    hours, share = ("hours from the first flag to the crossing", "share first flagged before a fall")
    rows = [
        {
            "measure": "lead_time_hours",
            "how early": f"{hours}, median ({found.lower_quartile_hours:.3g} to {found.upper_quartile_hours:.3g})"
            if found.timed
            else f"{hours}, median",
            "of episodes": found.timed,
            "value": found.median_hours,
            "low": found.median_low,
            "high": found.median_high,
        },
        {
            "measure": "flagged_before_fall",
            "how early": f"{share} of {-FALL_PCT:g} % from the 6-hour high",
            "of episodes": found.with_known_fall,
            "value": found.before_fall_share,
            "low": found.before_fall_low,
            "high": found.before_fall_high,
        },
    ]
    return [Table(f"How early: {found.caught} of {found.episodes} crash episodes were flagged", rows, key="lead_times")]


def _lead_times(context: CardContext) -> dict[str, float | None]:
    """By the names of the use case's metrics."""
    found = _lead_time(context)
    return {
        "lead_time_hours": found.median_hours,
        "lead_time_hours_low": found.median_low,
        "lead_time_hours_high": found.median_high,
        "flagged_before_fall": found.before_fall_share,
        "flagged_before_fall_low": found.before_fall_low,
        "flagged_before_fall_high": found.before_fall_high,
    }


def _lead_time(context: CardContext) -> LeadTime:
    return lead_time_of(context.outcomes, context.version.version, context.settings.outcomes)


def reason_facts(context: CardContext) -> list[Fact]:
    """Why it flagged what it flagged lately, by family of features."""
    from mlreg_dagster.outcomes.reasons.plots import reasons_picture
    from mlreg_dagster.outcomes.reasons.summary import by_family

    reasons = context.reasons
    if reasons.empty:
        return [Text("No flag of it has reasons on record; mlreg explain computes them for any row.", key="no_reasons")]
    first, last = reasons["hour"].min(), reasons["hour"].max()
    title = f"Why it flagged, by family of features, {when(first)} to {when(last)}"
    return [Table(title, by_family(reasons), key="reasons"), Picture(lambda: reasons_picture(reasons))]


def contest_facts(context: CardContext) -> list[Fact]:
    """It against the champion, or against the champion before it, on the outcomes of the predictions of both."""
    contest = context.contest
    if contest is None:
        return [
            Text(
                "No prediction has an outcome that another champion has made, too: in use it was compared with none.",
                key="no_contest",
            )
        ]
    measures = {name: getattr(contest, name) for name in ("informedness", "recall", "precision", "error_rate")}
    title = (
        f"{contest.challenger} against {contest.champion}, on {contest.pairs:,} predictions of both, of "
        f"{contest.instruments} instruments, {contest.crashes:,} of them before a crash: {contest.verdict}"
    )
    return [Table(title, [{"difference in": name, **asdict(each)} for name, each in measures.items()], key="contest")]


def _within(value: float, asked: SuccessMetric) -> bool:
    return (asked.at_least is None or value >= asked.at_least) and (asked.at_most is None or value <= asked.at_most)
