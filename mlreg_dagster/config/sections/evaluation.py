"""evaluation.yaml: what a version must show."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from mlreg_dagster.config.section import Count, Section, Share

Seed = Annotated[int, Field(ge=0)]


class InjectionSettings(Section):
    """The anomalies planted into a copy of the holdout."""

    seed: Seed = 20
    seeds: Annotated[int, Field(ge=1, le=100)] | tuple[Seed, ...] = Field(
        5, description="How many seeds, from `seed` on; or the seeds themselves."
    )
    days: Annotated[int, Field(ge=1, le=31)] = Field(
        3, description="Holdout days: the version's own, and frozen days after it that have ended, as far as there are."
    )
    rounds: Annotated[int, Field(ge=1, le=100)] = Field(1, description="Times a seed plants each kind of event.")
    instrument_share: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.1, description="Share of the instruments that get an event in one round, at least one."
    )
    shock_pct: Annotated[float, Field(gt=0, le=90)] = 15.0
    volume_factor: Annotated[float, Field(gt=1)] = 10.0
    frozen_hours: Annotated[int, Field(ge=2, le=24)] = 6

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds to plant with."""
        if isinstance(self.seeds, int):
            return tuple(range(self.seed, self.seed + self.seeds))
        return self.seeds

    @field_validator("seeds")
    @classmethod
    def _each_seed_once(cls, seeds: int | tuple[int, ...]) -> int | tuple[int, ...]:
        if not isinstance(seeds, int) and (not seeds or len(set(seeds)) < len(seeds)):
            raise ValueError("write a number, or a list that names each seed once")
        return seeds

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """One seed and one day are not recorded: earlier releases had no other, and their records stay the same."""
        return _without(serialize(self), {"seeds": 1, "days": 1})


class ComparisonSettings(Section):
    """When two versions that judged the same rows count as different."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)] = 1000
    min_instruments: Annotated[int, Field(ge=2)] = Field(
        20, description="Instruments that carry a planted anomaly; with fewer nothing is told apart."
    )
    min_pairs: Count = Field(200, description="Predictions of both with an outcome; with fewer nothing is told apart.")
    refits: Annotated[int, Field(ge=0, le=20)] = Field(
        2, description="Fits under other training seeds: they show what chance in training does; 0 = it is left out."
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without refits nothing is recorded of them: earlier releases had none, and their records stay the same."""
        return _without(serialize(self), {"refits": 0})


class StrictGateSettings(Section):
    """Thresholds of the gates that a risk tier of promotion.yaml may ask for beyond the usual five."""

    min_improvement: Annotated[float, Field(ge=0)] = Field(
        0.10, description="Injection average precision above the baseline's, relative to the baseline's."
    )
    max_segment_difference: Share = Field(0.20, description="Highest anomaly rate of a tier minus the lowest.")
    min_segment_rows: Count = Field(30, description="Rows that a tier needs for a rate of its own.")
    noise_scale: Annotated[float, Field(gt=0, le=1)] = Field(
        0.01, description="Noise that is added, in standard deviations of each feature in training."
    )
    min_noise_agreement: Share = Field(0.98, description="Share of labels that noise leaves as they are.")
    min_missing_agreement: Share = Field(
        0.5, description="Share of labels that stay when a feature is missing, by the feature that matters most."
    )
    min_mean_missing_agreement: Share = Field(0.9, description="The same on average over the features.")
    robustness_rows: Annotated[int, Field(ge=10)] = Field(1000, description="Seeded sample for noise and missing.")


class StabilitySettings(Section):
    """How far the result may move when the same settings are fitted to other rows of the same training window."""

    refits: Annotated[int, Field(ge=2, le=100)] = Field(5, description="On rows drawn with replacement.")
    folds: Annotated[int, Field(ge=2, le=100)] = Field(5, description="Blocks of hours, each left out once.")
    max_standard_deviation: Annotated[float, Field(gt=0)] = Field(
        0.05, description="Of the injection average precision; stable is below it."
    )


class GateBounds(Section):
    """What is asked of a plug-in's gate; what is left out is as the plug-in says."""

    at_least: float | None = None
    at_most: float | None = None


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
    comparison: ComparisonSettings = ComparisonSettings()
    strict: StrictGateSettings = StrictGateSettings()
    stability: StabilitySettings = StabilitySettings()
    gates: dict[str, GateBounds] = Field({}, description="Bounds of plug-ins' gates, by name: at_least, at_most.")

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without plug-ins' gates nothing is said of them, so that records of before there were any stay the same."""
        values: dict[str, Any] = serialize(self)
        if not self.gates:
            values.pop("gates", None)
        return values

    @classmethod
    def of_record(cls, values: Mapping[str, Any]) -> Self:
        """The settings of a record, where what an earlier release did not know means what that release did.

        Raises:
            ValidationError: They hold what this release does not know.
        """
        injection, comparison = (dict(values.get(name) or {}) for name in ("injection", "comparison"))
        before = {"injection": {"seeds": 1, "days": 1, **injection}, "comparison": {"refits": 0, **comparison}}
        return cls.model_validate({**values, **before})

    @model_validator(mode="after")
    def _range_is_a_range(self) -> Self:
        if self.min_anomaly_rate > self.max_anomaly_rate:
            raise ValueError("min_anomaly_rate must not exceed max_anomaly_rate")
        return self


def _without(values: dict[str, Any], unused: Mapping[str, Any]) -> dict[str, Any]:
    """Values without those that are as in `unused`."""
    return {name: value for name, value in values.items() if name not in unused or value != unused[name]}
