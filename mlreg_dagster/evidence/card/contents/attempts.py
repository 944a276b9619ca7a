"""The attempts at passing the gates, as facts of section 3. Requirements on them are in `card/required/evaluation`."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Table, Text
from mlreg_dagster.models.evaluation.attempts import Attempt, attempts_of, failed_first, headline


def attempt_facts(context: CardContext) -> list[Fact]:
    """Every evaluation of the version, failed ones first; and how often its holdout was looked at by all versions."""
    attempts = attempts_of(context.evaluations)
    facts: list[Fact] = []
    if said := headline(attempts):
        facts.append(Text(said, key="attempts_in_words"))
    facts.append(Table("Attempts, failed ones first", [_row(each) for each in failed_first(attempts)], key="attempts"))
    if context.looks is not None:
        facts.append(Text(context.looks.sentence, key="looks_at_the_holdout"))
    return facts


def _row(attempt: Attempt) -> dict[str, object]:
    facts = attempt.facts
    return {
        "attempt": attempt.number,
        "evaluation": facts["evaluation"],
        "passed": facts["passed"],
        "experiment": facts["is_experiment"],
        "failed gates": ", ".join(attempt.failed),
        "changed since the attempt before": "; ".join(attempt.changed),
        "planting seeds": ", ".join(map(str, facts["seeds"])),
        "holdout days": ", ".join(map(str, facts["days"])),
        "holdout": facts["holdout_sha256"][:12],
        "look at it": attempt.on_holdout,
        "code": (facts["code_sha256"] or "")[:12],
        "recorded": facts["recorded_at"],
        "by": facts["actor"],
    }
