"""Section 6: how good a version has been in use, and what would notice if it were not."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.drift import drift_facts
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Text, Values
from mlreg_dagster.evidence.card.performance import contest_facts, outcome_facts, reason_facts, success
from mlreg_dagster.evidence.card.worth import worth_asked, worth_facts


def monitoring(context: CardContext) -> Section:
    """Outcomes, what the use case asks for, what is flagged today, and the checks that watch all of it."""
    facts: list[Fact] = [] if context.outcomes.empty else outcome_facts(context)
    facts += [*worth_facts(context), *contest_facts(context), *reason_facts(context)]
    verdicts = [success(context, each) for each in context.use_case.success]
    facts.append(Table("Whether the use case is met", verdicts, key="success"))
    if (worth := worth_asked(context)) is not None:
        facts.append(Text(worth[1], key="worth_asked"))
    if context.flagged is not None:
        title = "What it flags today, by the limits of its evaluation"
        facts.append(Values(title, {"last day": context.flagged.text}, key="flagged_share"))
    facts += drift_facts(context.drift)
    facts += [
        Text("What is watched are the checks below, and the outcomes above.", key="watched"),
        Table("Checks, and their last result", context.watch.checks, folded=True, key="checks"),
        Table("How old the newest materialization may be", context.watch.freshness, key="freshness"),
    ]
    return Section("monitoring", tuple(facts))
