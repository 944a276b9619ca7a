"""The part `release` of rollout.yaml: what `mlreg release` asks of a version before its rollout starts."""

from typing import Annotated

from pydantic import Field

from mlreg_dagster.config.section import Count, Section


class ReleaseSettings(Section):
    """release: limits of the steps that measure."""

    cpu_ratio: Annotated[float, Field(gt=0)] = Field(
        1.2, description="Most processor time a request, as a multiple of the champion's."
    )
    rows: tuple[Count, ...] = Field((1, 250), min_length=1, description="Rows of the requests that are measured.")
    rounds: Annotated[int, Field(ge=20, le=10_000)] = Field(
        60, description="Turns of candidate and champion for each; four times more where they do not tell."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.99, description="Of the interval of the ratio; the whole interval has to lie on one side of the limit."
    )
    tolerance: Annotated[float, Field(ge=0)] = Field(
        1e-9, description="How far an online score may be from the offline one, absolute and relative; 0: same bits."
    )
    smoke_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        120.0, description="Time in which the server of the smoke test has to start, and to answer."
    )
