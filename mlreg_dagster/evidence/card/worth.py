"""Whether a version is worth having: its outcomes against the simple rankings and the champions."""

from typing import Any

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Table, Text
from mlreg_dagster.outcomes.names import WORTH_ENOUGH
from mlreg_dagster.outcomes.worth.difference import MEASURES
from mlreg_dagster.outcomes.worth.verdict import Comparison


def worth_facts(context: CardContext) -> list[Fact]:
    """What its outcomes say against each opponent, in a sentence and in numbers."""
    worth = context.worth
    facts: list[Fact] = [Text(worth.sentence, key="worth")]
    for each in worth.comparisons:
        rows = [_measured(each, name) for name in MEASURES]
        facts.append(Table(_title(worth.version, each), rows, key=f"worth_against_{each.opponent}"))
    return facts


def worth_asked(context: CardContext) -> tuple[str, str] | None:
    """Whether the use case is met by worth, and the statement on it; None where it does not ask."""
    asked, worth = context.use_case.worth, context.worth
    if asked is None:
        return None
    if worth.verdict == "unknown":
        verdict = "not known: no outcome tells"
    else:
        verdict = "met" if worth.verdict in WORTH_ENOUGH[asked] else "NOT met"
    return verdict, f"The use case asks that it is {asked.replace('_', ' ')} than every simple ranking: {verdict}."


def _title(version: str, found: Comparison) -> str:
    episodes = f"{found.episodes:,} crash episodes, {found.independent_episodes:,} of which independent"
    because = f" ({found.evidence.missing})" if found.evidence.missing else ""
    pairs = f"on {found.pairs:,} predictions of both"
    return f"{version} against {found.opponent}, {pairs}, {episodes}: {found.verdict}{because}"


def _measured(found: Comparison, name: str) -> dict[str, Any]:
    each = getattr(found, name)
    return {
        "measure": name.replace("_", " "),
        "version": each.value,
        "opponent": each.opponent,
        "difference": each.difference,
        "low": each.low,
        "high": each.high,
        "detectable": each.detectable,
        "blocks": f"{each.blocks} {each.unit}",
    }
