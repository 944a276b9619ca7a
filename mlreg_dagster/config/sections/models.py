"""model.yaml and its variants: which detector, trained how."""

from typing import Annotated

from pydantic import Field

from mlreg_dagster.config.section import Count, Section


class ModelSettings(Section):
    """model.yaml and its variants: which detector, trained how."""

    detector: Annotated[str, Field(min_length=1)] = Field(
        "isolation_forest", description="isolation_forest, local_outlier_factor, robust_z_score, or one of a plug-in."
    )
    params: dict[str, float | int | str | bool] = Field(
        {"n_estimators": 200, "max_samples": 1.0}, description="Keyword arguments of the detector."
    )
    contamination: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.08, description="Share of the training rows above the threshold."
    )
    seed: Annotated[int, Field(ge=0)] = 42
    features: tuple[str, ...] | None = Field(None, description="null = every engineered feature.")
    max_training_rows: Count = Field(50_000, description="A larger training set is sampled to this, seeded.")
