"""evaluation.yaml and promotion.yaml: what a version must show, and who may let it into production."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlreg_dagster.config.section import Count, Section, Share


class InjectionSettings(Section):
    """The anomalies planted into a copy of the holdout."""

    seed: Annotated[int, Field(ge=0)] = 20
    rounds: Annotated[int, Field(ge=1, le=100)] = Field(5, description="Times each kind of event is planted.")
    instrument_share: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.1, description="Share of the instruments that get an event in one round, at least one."
    )
    shock_pct: Annotated[float, Field(gt=0, le=90)] = 15.0
    volume_factor: Annotated[float, Field(gt=1)] = 10.0
    frozen_hours: Annotated[int, Field(ge=2, le=24)] = 6


class EvaluationSettings(Section):
    """evaluation.yaml: thresholds of the gates on evaluated_model."""

    min_anomaly_rate: Share = 0.02
    max_anomaly_rate: Share = 0.20
    max_rate_shift: Share = Field(0.25, description="Holdout anomaly rate against the training rate.")
    min_silhouette: Annotated[float, Field(ge=-1, le=1)] = 0.0
    min_score_gap: Annotated[float, Field(ge=0)] = 0.05
    min_average_precision_margin: Annotated[float, Field(ge=-1, le=1)] = Field(
        0.0, description="Injection average precision minus that of the robust z-score baseline."
    )
    silhouette_rows: Annotated[int, Field(ge=10)] = 2000
    injection: InjectionSettings = InjectionSettings()

    @model_validator(mode="after")
    def _range_is_a_range(self) -> Self:
        if self.min_anomaly_rate > self.max_anomaly_rate:
            raise ValueError("min_anomaly_rate must not exceed max_anomaly_rate")
        return self


class PromotionSettings(Section):
    """promotion.yaml: what the registry asks of whoever moves an alias."""

    min_reason_length: Count = 5
    automatic: Literal["never", "passed", "better"] = Field(
        "better", description="Which evaluated versions become champion without a person."
    )
