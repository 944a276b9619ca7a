"""What section 6 requires: outcomes that are on record, that meet the use case, and nothing that drifts."""

from collections.abc import Iterator

import pandas as pd

from mlreg_dagster.core.names import RESULT_ASSETS
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.drift import drift_remarks
from mlreg_dagster.evidence.card.elements import when
from mlreg_dagster.evidence.card.performance import success
from mlreg_dagster.evidence.card.requirements import (
    EVERY_TIER,
    THERE,
    Finding,
    Requirement,
    all_of,
    unless,
    without,
)
from mlreg_dagster.evidence.card.worth import worth_asked
from mlreg_dagster.models.names import CHAMPION


def _predictions(context: CardContext) -> Finding:
    if CHAMPION not in context.aliases or context.predictions:
        return THERE
    since = context.champions[-1].effective_at
    idle = context.now - since >= pd.Timedelta(days=1)
    return unless(f"It is champion since {when(since)} and has made no prediction." if idle else None)


def _recorded(context: CardContext) -> Finding:
    overdue = context.overdue
    return unless(f"{overdue:,} predictions could have an outcome and have none." if overdue else None)


def _outcomes(context: CardContext) -> Finding:
    text = "No prediction of this version has fallen due: how good it is in use is not known."
    return unless(text if context.outcomes.empty else None, "unknown")


def _success(context: CardContext) -> Finding:
    return all_of(_of_each_metric(context)) if not context.outcomes.empty else THERE


def _of_each_metric(context: CardContext) -> Iterator[Finding]:
    for asked in context.use_case.success:
        verdict = success(context, asked)["verdict"]
        yield _by_verdict(verdict, f"The use case's {asked.metric} is {verdict}.")


def _worth(context: CardContext) -> Finding:
    asked = worth_asked(context)
    return THERE if asked is None else _by_verdict(*asked)


def _not_worse(context: CardContext) -> Finding:
    return unless(context.worth.sentence if context.worth.verdict == "worse" else None, "against")


def _by_verdict(verdict: str, text: str) -> Finding:
    return THERE if verdict == "met" else Finding("against" if verdict == "NOT met" else "unknown", text)


def _flagged(context: CardContext) -> Finding:
    share = context.flagged
    if share is None or share.state not in ("outside", "unknown"):
        return THERE
    return Finding("against" if share.state == "outside" else "unknown", share.text)


def _drift(context: CardContext) -> Finding:
    against, unknown = drift_remarks(context.drift, context.holders, context.version.version)
    return all_of((without(against, "against"), without(unknown, "unknown")))


def _checks(context: CardContext) -> Finding:
    if not context.watch.known:
        return Finding("unknown", "The last results of the checks were not asked for: Dagster knows them.")
    failed = (row for row in context.watch.checks if _speaks_against(row["asset"], row["last result"]))
    return without(
        (f"The check {row['check']} of {row['asset']} failed last, at {when(row['recorded'])}." for row in failed),
        "against",
    )


def _speaks_against(asset: str, last_result: str) -> bool:
    return last_result == "FAILED" and asset not in RESULT_ASSETS


_MONITORING = ("EU AI Act, Art. 72", "SR 11-7, V", "NIST AI RMF, MEASURE 2.4")

REQUIREMENTS = (
    Requirement(
        "monitoring.predictions",
        "monitoring",
        "predictions, a day after it became champion",
        _MONITORING,
        EVERY_TIER,
        _predictions,
    ),
    Requirement(
        "monitoring.outcomes_recorded",
        "monitoring",
        "an outcome of every prediction that is due",
        _MONITORING,
        EVERY_TIER,
        _recorded,
    ),
    Requirement(
        "monitoring.outcomes",
        "monitoring",
        "outcomes that tell how good it is in use",
        ("SR 11-7, V", "Mitchell et al. 2019, metrics"),
        EVERY_TIER,
        _outcomes,
    ),
    Requirement(
        "monitoring.success",
        "monitoring",
        "the metrics of success of the use case are met",
        ("EU AI Act, Art. 15(1)", "SR 11-7, V", "NIST AI RMF, MEASURE 2.3"),
        EVERY_TIER,
        _success,
    ),
    Requirement(
        "monitoring.worth",
        "monitoring",
        "it is as good against simple rankings as the use case asks",
        ("SR 11-7, V", "NIST AI RMF, MANAGE 1.1"),
        EVERY_TIER,
        _worth,
    ),
    Requirement(
        "monitoring.not_worse",
        "monitoring",
        "it is not worse than a simple ranking, whatever the use case asks",
        ("SR 11-7, V", "NIST AI RMF, MANAGE 1.1"),
        EVERY_TIER,
        _not_worse,
    ),
    Requirement(
        "monitoring.flagged",
        "monitoring",
        "a flagged share within the limits of its evaluation",
        ("EU AI Act, Art. 26(5)", "NIST AI RMF, MEASURE 2.4"),
        EVERY_TIER,
        _flagged,
    ),
    Requirement(
        "monitoring.drift",
        "monitoring",
        "drift was judged, and there is none",
        ("EU AI Act, Art. 72", "NIST AI RMF, MEASURE 2.4", "ISO/IEC 42001, A.6.2.6"),
        EVERY_TIER,
        _drift,
        in_headline=True,
    ),
    Requirement(
        "monitoring.checks",
        "monitoring",
        "no check that failed last",
        ("EU AI Act, Art. 26(5)", "ISO/IEC 42001, A.6.2.6"),
        EVERY_TIER,
        _checks,
    ),
)
