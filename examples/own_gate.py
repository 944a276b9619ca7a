"""A gate: flags are spread over the instruments instead of sitting on a few.

evaluation.yaml, where another bound than the default is wanted:

    gates: {flags_spread_over_instruments: {at_least: 0.2}}
"""

from mlreg_dagster.extensions import NotComputable, gate
from mlreg_dagster.models.gates import GateContext


@gate(
    "flags_spread_over_instruments",
    "The flagged rows belong to enough of the instruments.",
    at_least=0.05,
)
def flags_spread_over_instruments(context: GateContext) -> tuple[float, str]:
    """Share of the holdout's instruments that are flagged at least once."""
    rows = context.holdout.rows
    flagged, known = (each["instrument_id"].nunique() for each in (rows[context.flagged], rows))
    if not flagged:
        raise NotComputable("no row is flagged.")
    return flagged / known, f"{flagged} of {known} instruments are flagged at least once."
