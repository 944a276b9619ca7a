"""model.yaml and its variants: which detector, trained how."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from mlreg_dagster.config.section import Count, Section

Params = dict[str, float | int | str | bool]
_FOREST = "isolation_forest"


def _default_params(settings: Mapping[str, Any]) -> Params:
    """Those of the default detector; any other has the defaults of its own code."""
    return {"n_estimators": 200, "max_samples": 1.0} if settings.get("detector") == _FOREST else {}


class ModelSettings(Section):
    """model.yaml and its variants: which detector, trained how."""

    detector: Annotated[str, Field(min_length=1)] = Field(
        _FOREST, description="isolation_forest, local_outlier_factor, robust_z_score, or one of a plug-in."
    )
    params: Params = Field(
        default_factory=_default_params,
        description="Keyword arguments of the detector; this default is the isolation forest's, that of others is {}.",
    )
    contamination: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.08, description="Share of the training rows above the threshold."
    )
    seed: Annotated[int, Field(ge=0)] = 42
    features: tuple[str, ...] | None = Field(None, description="null = every engineered feature.")
    max_training_rows: Count = Field(50_000, description="A larger training set is sampled to this, seeded.")
