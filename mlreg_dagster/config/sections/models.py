"""model.yaml and its variants: which detector, trained how."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from mlreg_dagster.config.section import Count, Section, Share

Params = dict[str, float | int | str | bool]
_FOREST, _ENSEMBLE = "isolation_forest", "ensemble"
_NAMES = (
    "isolation_forest, local_outlier_factor, nearest_neighbors, robust_z_score, ensemble, crash_classifier, or one of "
    "a plug-in."
)
_WHITEN = (
    "Whether the detector sees principal components of unit variance or scaled features; null = components, but for "
    "robust_z_score, crash_classifier and detectors of plug-ins that are registered otherwise."
)


def _default_params(settings: Mapping[str, Any]) -> Params:
    """Those of the default detector; any other has the defaults of its own code."""
    return {"n_estimators": 200, "max_samples": 1.0} if settings.get("detector") == _FOREST else {}


class FlaggingSettings(Section):
    """flagging of model.yaml: which rows of an hour are flagged."""

    policy: Literal["trailing_share", "top_k", "frozen"] = Field(
        "trailing_share",
        description="trailing_share: a share of the rows of the trailing days; top_k: so many rows an hour; frozen: "
        "rows above the threshold of the training rows.",
    )
    budget: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.08, description="Share of the rows that is flagged, of the trailing days or (top_k without k) of each hour."
    )
    days: Annotated[int, Field(ge=1, le=31)] = Field(7, description="Trailing days of trailing_share, by the clock.")
    min_share: Share = Field(0.075, description="Least share that trailing_share flags over the trailing days.")
    max_share: Share = Field(0.085, description="The largest; where no whole number of rows lies between, this holds.")
    k: Count | None = Field(None, description="Rows an hour of top_k; null = the budget's share, rounded up.")

    @model_validator(mode="after")
    def _budget_within_its_bounds(self) -> Self:
        if self.policy == "trailing_share" and not self.min_share <= self.budget <= self.max_share:
            raise ValueError("budget must lie between min_share and max_share")
        return self


FROZEN = FlaggingSettings(policy="frozen")
"""The threshold of the training rows, for ever."""


class MemberSettings(Section):
    """A detector of an ensemble."""

    detector: Annotated[str, Field(min_length=1)] = Field(
        description="One of the package's own, but for ensemble, crash_classifier and those of plug-ins."
    )
    params: Params = Field(default_factory=_default_params, description="As for a detector that stands alone.")
    whiten: bool | None = Field(None, description="As for a detector that stands alone; null likewise.")


def _default_members(settings: Mapping[str, Any]) -> tuple[MemberSettings, ...]:
    """Those of an ensemble that names none; any other detector has no members."""
    if settings.get("detector") != _ENSEMBLE:
        return ()
    return (
        MemberSettings(detector=_FOREST, whiten=True),
        MemberSettings(detector="nearest_neighbors", whiten=False),
        MemberSettings(detector="robust_z_score", whiten=False),
    )


class ModelSettings(Section):
    """model.yaml and its variants: which detector, trained how."""

    detector: Annotated[str, Field(min_length=1)] = Field(_FOREST, description=_NAMES)
    params: Params = Field(
        default_factory=_default_params,
        description="Keyword arguments of the detector; this default is the isolation forest's, that of others is {}.",
    )
    whiten: bool | None = Field(None, description=_WHITEN)
    members: Annotated[tuple[MemberSettings, ...], Field(max_length=10)] = Field(
        default_factory=_default_members,
        description="The detectors of an ensemble, each with its own params and whiten; 2 to 10.",
    )
    contamination: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.08, description="Share of the training rows above the frozen threshold, which in-sample hours get, too."
    )
    seed: Annotated[int, Field(ge=0)] = 42
    features: tuple[str, ...] | None = Field(None, description="null = every engineered feature.")
    max_training_rows: Count = Field(50_000, description="A larger training set is sampled to this, seeded.")
    flagging: FlaggingSettings = FlaggingSettings()

    @model_validator(mode="after")
    def _members_make_an_ensemble(self) -> Self:
        if self.members and self.detector != _ENSEMBLE:
            raise ValueError("members belong to the detector ensemble")
        if self.detector == _ENSEMBLE and len(self.members) < 2:
            raise ValueError("the detector ensemble needs at least two members")
        if self.detector == _ENSEMBLE and self.whiten is not None:
            raise ValueError("whiten belongs to each member of an ensemble, not to the ensemble")
        return self

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is not set is not written, so that manifests of before there were these settings stay the same."""
        values: dict[str, Any] = serialize(self)
        for name, unused in (("whiten", self.whiten is None), ("members", not self.members)):
            if unused:
                values.pop(name, None)
        return values
