"""Section 6: how good a version has been in use, and what would notice if it were not."""

import pandas as pd

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.drift import drift_facts, drift_remarks
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Text, Values, when
from mlreg_dagster.evidence.card.performance import contest_facts, outcome_facts, reason_facts, success
from mlreg_dagster.evidence.card.worth import worth_asked, worth_facts
from mlreg_dagster.models.names import CHAMPION

_SHOWN_ELSEWHERE = ("evaluated_model", "delivery_bundle")
"""Their checks are the gates of the newest version, and the state of the last card."""


def monitoring(context: CardContext) -> Section:
    """Outcomes, what the use case asks for, what is flagged today, and the checks that watch all of it."""
    missing = [f"{context.overdue:,} predictions could have an outcome and have none."] if context.overdue else []
    if CHAMPION in context.aliases and not context.predictions and _days_in_charge(context) >= 1:
        missing.append(f"It is champion since {when(context.champions[-1].effective_at)} and has made no prediction.")
    against, unknown = drift_remarks(context.drift, context.holders, context.version.version)
    facts: list[Fact] = []
    if context.outcomes.empty:
        unknown.append("No prediction of this version has fallen due: how good it is in use is not known.")
    else:
        facts += outcome_facts(context)
    facts += [*worth_facts(context), *contest_facts(context), *reason_facts(context)]
    verdicts = [success(context, each) for each in context.settings.use_case.success]
    facts.append(Table("Whether the use case is met", verdicts, key="success"))
    if (worth := worth_asked(context)) is not None:
        verdict, statement = worth
        facts.append(Text(statement, key="worth_asked"))
        against += [statement] if verdict == "NOT met" else []
        unknown += [statement] if verdict not in ("met", "NOT met") else []
    if context.worth.verdict == "worse":
        against.append(context.worth.sentence)
    if not context.outcomes.empty:
        texts = {f"The use case's {each['metric']} is {each['verdict']}.": each["verdict"] for each in verdicts}
        against += [text for text, verdict in texts.items() if verdict == "NOT met"]
        unknown += [text for text, verdict in texts.items() if verdict not in ("met", "NOT met")]
    if context.flagged is not None:
        title = "What it flags today, by the limits of its evaluation"
        facts.append(Values(title, {"last day": context.flagged.text}, key="flagged_share"))
        against += [context.flagged.text] if context.flagged.state == "outside" else []
        unknown += [context.flagged.text] if context.flagged.state == "unknown" else []
    facts += drift_facts(context.drift)
    failed = [row for row in context.watch.checks if _speaks_against(row["asset"], row["last result"])]
    against += [
        f"The check {row['check']} of {row['asset']} failed last, at {when(row['recorded'])}." for row in failed
    ]
    facts += [
        Text("What is watched are the checks below, and the outcomes above.", key="watched"),
        Table("Checks, and their last result", context.watch.checks, folded=True, key="checks"),
        Table("How old the newest materialization may be", context.watch.freshness, key="freshness"),
    ]
    return Section("monitoring", tuple(facts), tuple(missing), tuple(against), tuple(unknown))


def _speaks_against(asset: str, last_result: str) -> bool:
    return last_result == "FAILED" and asset not in _SHOWN_ELSEWHERE


def _days_in_charge(context: CardContext) -> float:
    return float((context.now - context.champions[-1].effective_at) / pd.Timedelta(days=1))
