"""Rows to ask a version with: those of the holdout that it was evaluated on."""

from typing import TYPE_CHECKING

from mlreg_dagster.datasets import freezing
from mlreg_dagster.registry import Evaluation, ModelVersion
from mlreg_dagster.release.steps import NotMeasured
from mlreg_dagster.storage.artifacts import ArtifactMissing, ArtifactStore

if TYPE_CHECKING:
    import pandas as pd

_SEED = 17


def holdout_rows(
    store: ArtifactStore, version: ModelVersion, evaluation: Evaluation | None, count: int
) -> "pd.DataFrame":
    """Rows of a holdout, drawn by seed; some come twice where it has fewer.

    Args:
        store: Where the holdouts are.
        version: Whose.
        evaluation: Names the holdout; None, or of an earlier release: that of the version's dataset.
        count: How many.

    Raises:
        NotMeasured: The holdout is not kept any more, or empty.
        ArtifactTampered: It is not what was frozen.
    """
    day = (evaluation.holdout_day if evaluation else None) or version.dataset_day
    try:
        rows = freezing.load(store, freezing.HOLDOUT, day).rows
    except ArtifactMissing:
        raise NotMeasured(
            f"The holdout of {day}, on which {version.version} was evaluated, is not there any more. Evaluate it on "
            f"another one: mlreg evaluate {version.version} --holdout DAY."
        ) from None
    if rows.empty:
        raise NotMeasured(f"The holdout of {day} has no rows. Evaluate {version.version} on another one.")
    drawn: pd.DataFrame = rows.sample(count, replace=len(rows) < count, random_state=_SEED)
    return drawn.reset_index(drop=True)
