"""What the contents of a card require, a file for each kind; joined to the rest in `card.catalogue`."""

from mlreg_dagster.evidence.card.contents.required import data, performance, software, written
from mlreg_dagster.evidence.card.requirements import Requirement

REQUIREMENTS: tuple[Requirement, ...] = (
    *written.REQUIREMENTS,
    *data.REQUIREMENTS,
    *performance.REQUIREMENTS,
    *software.REQUIREMENTS,
)
