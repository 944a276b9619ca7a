"""tuning.yaml: how parameters are searched, and on which days and plantings."""

from itertools import product
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from mlreg_dagster.config.section import Count, Section, Share
from mlreg_dagster.config.sections.evaluation import Seed

Value = int | float | bool | str
PLACES = ("params", "members", "whiten", "max_training_rows")
"""Keys of a model file whose values may be searched: those that change how anomalies are ranked."""


class Dimension(Section):
    """The values that one parameter may take: from `low` to `high`, or `choices`."""

    low: int | float | None = Field(None, description="Smallest value; with `high`. Both whole: whole numbers.")
    high: int | float | None = Field(None, description="Largest value.")
    step: int | float | None = Field(None, description="Distance between values; null = every value.")
    log: bool = Field(
        False, description="Whether values are drawn by their logarithm: of 0.01 to 1, as many below 0.1."
    )
    choices: Annotated[tuple[Value, ...], Field(max_length=50)] = Field(
        (), description="The values, instead of a range."
    )
    only_if: dict[str, Value] = Field(
        {}, description="Values of parameters named before it, without which it is not searched."
    )

    @property
    def is_whole(self) -> bool:
        """Whether its range is one of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.choices) == (self.low is not None or self.high is not None):
            raise ValueError("write choices, or low and high")
        if self.choices:
            if self.step is not None or self.log:
                raise ValueError("step and log belong to a range, not to choices")
            return self
        if self.low is None or self.high is None or self.low >= self.high:
            raise ValueError("low must be below high, and both are needed")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("with log, low must be above 0, and there is no step")
        if self.step is not None and (self.step <= 0 or (self.is_whole and not isinstance(self.step, int))):
            raise ValueError("step must be above 0, and whole where low and high are")
        return self


Space = dict[str, Dimension]


class ObjectiveSettings(Section):
    """What a trial is judged by: the weighted mean of two shares, both of which are shown for each trial."""

    planted: Share = Field(0.5, description="Weight of the average precision at planted anomalies.")
    worth: Share = Field(0.5, description="Weight of the share of flagged rows that a crash followed.")

    @model_validator(mode="after")
    def _something_counts(self) -> Self:
        if self.planted + self.worth == 0:
            raise ValueError("planted and worth must not both be 0")
        return self


class PruningSettings(Section):
    """When a trial is given up: where it is below the median of the others at the same step."""

    enabled: bool = True
    startup_trials: Annotated[int, Field(ge=0)] = Field(5, description="Complete trials before the first is given up.")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(0, description="Steps that every trial takes.")


_DENSE = {"params.n_neighbors": Dimension(low=5, high=60, log=True), "whiten": Dimension(choices=(True, False))}
_BOOSTED: dict[str, Value] = {"params.kind": "boosting"}


def _default_spaces() -> dict[str, Space]:
    return {
        "isolation_forest": {
            "params.n_estimators": Dimension(low=50, high=400, step=50),
            "params.max_samples": Dimension(low=0.02, high=1.0, log=True),
            "whiten": Dimension(choices=(True, False)),
        },
        "local_outlier_factor": dict(_DENSE),
        "nearest_neighbors": dict(_DENSE),
        "robust_z_score": {"whiten": Dimension(choices=(True, False))},
        "ensemble": {
            "members.isolation_forest.params.max_samples": Dimension(low=0.02, high=1.0, log=True),
            "members.nearest_neighbors.params.n_neighbors": Dimension(low=5, high=60, log=True),
            "members.nearest_neighbors.whiten": Dimension(choices=(True, False)),
        },
        "crash_classifier": {
            "params.kind": Dimension(choices=("logistic", "boosting")),
            "params.C": Dimension(low=0.0001, high=10.0, log=True, only_if={"params.kind": "logistic"}),
            "params.max_iter": Dimension(low=50, high=300, step=50, only_if=_BOOSTED),
            "params.learning_rate": Dimension(low=0.01, high=0.3, log=True, only_if=_BOOSTED),
            "params.max_leaf_nodes": Dimension(low=4, high=63, log=True, only_if=_BOOSTED),
            "params.min_samples_leaf": Dimension(low=20, high=400, log=True, only_if=_BOOSTED),
        },
    }


class TuningSettings(Section):
    """tuning.yaml: how parameters are searched, and on which days and plantings."""

    trials: Annotated[int, Field(ge=2, le=10_000)] = Field(100, description="Trials that a study finishes.")
    minutes: Annotated[float, Field(gt=0)] | None = Field(
        None, description="A study ends after so many, with the trials that are finished then; null = by trials alone."
    )
    jobs: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Processes; with one, the same seed finds the same."
    )
    seed: Seed = Field(7, description="Of the search.")
    folds: Annotated[int, Field(ge=1, le=30)] = Field(
        3, description="Days that trials are judged by, each by what was known an embargo before it."
    )
    measured_days: Annotated[int, Field(ge=1, le=60)] = Field(
        2,
        description="Days after those of the folds, on which the best is held against the default; no trial sees them.",
    )
    train_days: Annotated[int, Field(ge=1, le=2000)] | None = Field(
        None,
        description="Days that a fold trains on; null = as many as a training dataset has (for labels, label_days).",
    )
    min_train_days: Count = Field(3, description="A fold with fewer days to train on is left out.")
    embargo_hours: Annotated[int, Field(ge=0)] = Field(
        0, description="Between training and judging; never less than the label horizon, whatever stands here."
    )
    planting_seeds: tuple[Seed, ...] = Field((700, 701), description="Of the anomalies that trials are judged by.")
    measured_seeds: tuple[Seed, ...] = Field(
        (800, 801, 802), description="Of those that the best is held against the default by."
    )
    objective: ObjectiveSettings = ObjectiveSettings()
    pruning: PruningSettings = PruningSettings()
    heartbeat_seconds: Annotated[int, Field(ge=1)] = Field(10, description="How often a trial shows that it is alive.")
    grace_seconds: Annotated[int, Field(ge=2)] = Field(
        60, description="After so many without a sign of life a trial is failed, and tried again."
    )
    spaces: dict[str, Space] = Field(
        default_factory=_default_spaces,
        description="What is searched, by detector: a place in the model file (params.n_neighbors, whiten, "
        "members.isolation_forest.params.max_samples) and its values: low and high, with step or log; or choices; and "
        "only_if, values of parameters named before it, without which it is not searched.",
    )

    @field_validator("planting_seeds", "measured_seeds")
    @classmethod
    def _each_seed_once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError("name at least one seed, and each once")
        return seeds

    @field_validator("spaces")
    @classmethod
    def _places_can_be_searched(cls, spaces: dict[str, Space]) -> dict[str, Space]:
        for detector, space in spaces.items():
            if not space:
                raise ValueError(f"{detector}: name at least one parameter")
            before: set[str] = set()
            for place, dimension in space.items():
                head, *rest = place.split(".")
                nested = {"params": len(rest) == 1, "members": len(rest) in (2, 3)}
                if head not in PLACES or not nested.get(head, not rest):
                    raise ValueError(
                        f"{detector}: {place!r} can't be searched; write params.NAME, whiten, max_training_rows, or "
                        f"members.DETECTOR.params.NAME"
                    )
                if unknown := sorted(set(dimension.only_if) - before):
                    raise ValueError(
                        f"{detector}: only_if of {place} names {', '.join(unknown)}, which is not before it"
                    )
                before.add(place)
        return spaces

    @model_validator(mode="after")
    def _nothing_is_seen_twice(self) -> Self:
        if shared := sorted(set(self.planting_seeds) & set(self.measured_seeds)):
            raise ValueError(
                f"planting_seeds and measured_seeds share {', '.join(map(str, shared))}: the best would be held "
                f"against the default by what it was chosen by"
            )
        if self.grace_seconds <= self.heartbeat_seconds:
            raise ValueError("grace_seconds must be above heartbeat_seconds")
        return self

    def shared_seeds(self, gates: tuple[int, ...]) -> list[int]:
        """The seeds of tuning that gates plant with, too; there must be none."""
        return sorted({*self.planting_seeds, *self.measured_seeds} & set(gates))


def all_of(space: Space, limit: int) -> list[dict[str, Any]] | None:
    """Every set of values of a space, if there are no more than `limit`; None: there are, or it is not finite."""
    values: list[tuple[Value, ...]] = []
    count = 1
    for dimension in space.values():
        if dimension.only_if or not (dimension.choices or (dimension.is_whole and not dimension.log)):
            return None
        if dimension.choices:
            values.append(dimension.choices)
        else:
            assert isinstance(dimension.low, int)  # noqa: S101  # as `is_whole` says
            assert isinstance(dimension.high, int)  # noqa: S101
            values.append(tuple(range(dimension.low, dimension.high + 1, int(dimension.step or 1))))
        count *= len(values[-1])
        if count > limit:
            return None
    return [dict(zip(space, each, strict=True)) for each in product(*values)]
