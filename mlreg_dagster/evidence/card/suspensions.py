"""What a card says of suspensions: how aliases were stopped and resumed that the version held then, or holds now."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Table
from mlreg_dagster.registry import Suspension
from mlreg_dagster.registry.records.suspensions import in_force


def suspensions(context: CardContext) -> Table:
    """Every suspension and resumption."""
    rows = [
        {
            "alias": each.alias,
            "event": each.event,
            "holder": each.version,
            "effective from": each.effective_at,
            "by": each.actor,
            "reason": each.reason,
            "signed": each.signature is not None,
        }
        for each in context.suspensions
    ]
    return Table("Suspensions and resumptions", rows, key="suspensions")


def suspended(context: CardContext) -> list[Suspension]:
    """Those that hold now, of the aliases that the version holds."""
    return [each for alias, each in in_force(context.suspensions).items() if alias in context.aliases]
