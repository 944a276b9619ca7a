"""use_case.yaml and promotion.yaml: what the model is for, and who may promote a version on what evidence."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from mlreg_dagster.config.section import Count, Hour, Section
from mlreg_dagster.config.sections.documentation import Documentation
from mlreg_dagster.config.sections.rollout import RolloutPolicy
from mlreg_dagster.core.people import OF_THE_PROJECT, NotAName, account_name, is_person_id

Tier = Literal["low", "high"]
WorthAsked = Literal["better", "not_worse"]

_KEY_BYTES = 32
_OF_LEAD_TIME = ("lead_time_hours", "flagged_before_fall")


class SuccessMetric(Section):
    """One number by which the use case is judged, over matured outcomes."""

    metric: Literal["recall", "precision", "false_alarm_rate", "lift", "lead_time_hours", "flagged_before_fall"]
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("write at_least, at_most, or both")
        if self.metric in _OF_LEAD_TIME and self.at_most is not None:
            raise ValueError(f"{self.metric} can't be too high: write at_least alone")
        return self


class Constraints(Section):
    """What serving can bear."""

    max_latency_ms: Annotated[float, Field(gt=0)] = Field(250.0, description="To score one hour of the universe.")
    min_rows_per_s: Annotated[float, Field(gt=0)] = Field(2_000.0, description="Rows scored in a second, in bulk.")
    max_model_mb: Annotated[float, Field(gt=0)] = Field(100.0, description="The bundle of a version.")


class UseCaseSettings(Section):
    """use_case.yaml: the objective that versions are trained for."""

    name: Annotated[str, Field(min_length=1)] = "market anomalies"
    objective: Annotated[str, Field(min_length=1)] = (
        "Flag instruments whose price may crash within 24 hours, early enough for a person to look."
    )
    owner: Annotated[str, Field(min_length=1)] = "team:mlreg"
    risk_tier: Tier = "low"
    for_real_use: bool = Field(
        False, description="Decisions rest on it; taken for granted in the risk tier high. A simulated market won't do."
    )
    worth: WorthAsked | None = Field(
        "not_worse", description="By matured outcomes, than the best simple ranking; null = not asked."
    )
    success: tuple[SuccessMetric, ...] = (SuccessMetric(metric="false_alarm_rate", at_most=0.2),)
    constraints: Constraints = Constraints()
    contacts: tuple[Annotated[str, Field(min_length=1)], ...] = ("team:mlreg",)
    documentation: Documentation | None = Field(
        None,
        description="What only people can say; evidence, and no part of the policy. Each text stands here, or in a "
        "Markdown file: {file: ../docs/name.md}, relative to the folder of the config file.",
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is not asked for or not written is left out, so that use cases of before keep their hash."""
        values: dict[str, Any] = serialize(self)
        for name in ("worth", "documentation", "for_real_use"):
            if not getattr(self, name):
                values.pop(name, None)
        return values

    @property
    def asked(self) -> dict[str, Any]:
        """What versions are built for and judged by, as plain JSON: all values but the documentation."""
        return self.model_dump(mode="json", exclude={"documentation"})

    @property
    def sha256(self) -> str:
        """Hash of what is asked; a version names the one under which it was built."""
        return hashlib.sha256(self.model_dump_json(exclude={"documentation"}).encode()).hexdigest()

    @property
    def documented(self) -> Documentation:
        """What people wrote; nothing where there is no such block."""
        return self.documentation or Documentation()


class Person(Section):
    """A person who may decide."""

    roles: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    public_key: str | None = Field(
        None, description="Ed25519, 32 bytes in base64; with one, only signed decisions count."
    )

    @property
    def is_bare(self) -> bool:
        """Whether it says nothing: for an id, roles and key are those of the directory."""
        return not self.roles and self.public_key is None

    @field_validator("public_key")
    @classmethod
    def _is_a_key(cls, text: str | None) -> str | None:
        try:
            if text is not None and len(base64.b64decode(text, validate=True)) != _KEY_BYTES:
                raise ValueError
        except ValueError as error:
            raise ValueError(
                "must be an Ed25519 public key, 32 bytes in base64; `mlreg keygen` makes a pair"
            ) from error
        return text


class TierPolicy(Section):
    """What a risk tier asks for before a version may hold an alias."""

    approvals: Annotated[int, Field(ge=0)] = 0
    roles: tuple[str, ...] = Field((), description="Each must be among the roles of those who approved.")
    gates: tuple[str, ...] = Field((), description="Measured, and to be passed, beyond those of every version.")
    stable: bool = Field(False, description="The evaluation must have been shown to be stable.")
    experiments: bool = Field(
        False, description="Evaluations under other thresholds than those in force count, too; the record says so."
    )
    worth: WorthAsked | None = Field(
        None, description="By matured outcomes, than the best simple ranking and than the champion; null = not asked."
    )
    planted_interval: bool = Field(
        False, description="Gates on planted anomalies pass on the lower end of their interval."
    )
    rollout: RolloutPolicy | None = Field(
        None, description="How a version becomes champion step by step; null = by the defaults, where one is started."
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A tier leaves out what it does not ask for and earlier policies did not know: they stay the same."""
        values: dict[str, Any] = serialize(self)
        if not self.planted_interval:
            values.pop("planted_interval", None)
        for name in ("worth", "rollout"):
            if getattr(self, name) is None:
                values.pop(name, None)
        return values


class WaiverPolicy(Section):
    """What is asked of a permission to pass one named rule for a time."""

    roles: tuple[str, ...] = Field((), description="Of these roles one must be held by the person who grants it.")
    max_days: Count = Field(14, description="The longest duration.")


class SuspensionPolicy(Section):
    """Who may stop the holder of an alias from scoring, and let it go on."""

    automatic: bool = Field(False, description="Whether automation may suspend; only people resume.")
    serving: Literal["refuse", "previous"] = Field(
        "refuse", description="What servers do meanwhile: answer 503, or by the holder before."
    )
    resume_roles: tuple[str, ...] = Field((), description="Of these roles one must be held by the person who resumes.")
    resume_approvals: Annotated[int, Field(ge=0)] = Field(
        0, description="Approvals of the version since the suspension, by others than the person who resumes."
    )


class Freeze(Section):
    """A time in which nothing moves but back."""

    first: Hour
    until: Hour
    reason: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until <= self.first:
            raise ValueError("until must be later than first")
        return self

    def covers(self, now: datetime) -> bool:
        """Whether `now` lies in it; `until` no longer does."""
        return self.first <= now < self.until


_HIGH = TierPolicy(
    approvals=2,
    gates=(
        "better_than_champion",
        "improvement_over_baseline",
        "segment_parity",
        "noise_robustness",
        "missing_feature_robustness",
        "scoring_latency",
        "model_size",
    ),
    stable=True,
    worth="not_worse",
    planted_interval=True,
)


class PromotionSettings(Section):
    """promotion.yaml: what is asked before an alias moves."""

    min_reason_length: Count = 5
    automatic: Literal["never", "passed", "better"] = Field(
        "better", description="Which evaluated versions become champion without a person."
    )
    low: TierPolicy = TierPolicy()
    high: TierPolicy = _HIGH
    waivers: WaiverPolicy = WaiverPolicy()
    suspension: SuspensionPolicy = SuspensionPolicy()
    people: dict[str, Person] = Field({}, description="Who may decide and promote; nobody named = anybody.")
    unlisted_actors: Literal["warn", "refuse"] = Field(
        "warn", description="What happens to people who act and are not in the directory, once it holds people."
    )
    separation_of_duties: bool = Field(True, description="Who trained or promotes a version can't approve it.")
    max_evaluation_age_days: Count | None = None
    min_matured_outcomes: Annotated[int, Field(ge=0)] = 0
    freezes: tuple[Freeze, ...] = ()
    _ids: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A policy leaves out what it does not ask: unlisted actors, suspensions. Earlier policies keep their hash."""
        values: dict[str, Any] = serialize(self)
        if self.unlisted_actors == "warn":
            values.pop("unlisted_actors", None)
        if self.suspension == SuspensionPolicy():
            values.pop("suspension", None)
        return values

    @field_validator("people")
    @classmethod
    def _people_have_one_name_each(cls, people: dict[str, Person]) -> dict[str, Person]:
        named: dict[str, Person] = {}
        for text, person in people.items():
            try:
                name = account_name(text)
            except NotAName as error:
                raise ValueError(str(error)) from error
            if name in OF_THE_PROJECT:
                raise ValueError(f"{name} is the name of the project's own actor; name a person")
            if name in named:
                raise ValueError(f"{text!r} and another entry are both {name}; name each person once")
            named[name] = person
        return named

    def with_people(self, people: Mapping[str, Person], ids: Mapping[str, str]) -> Self:
        """The same policy with people by their ids.

        Args:
            people: Who may decide, by id where they have one.
            ids: The id of each name, for records that were written with names.
        """
        identified = self.model_copy(update={"people": dict(people)})
        identified._ids = dict(ids)
        return identified

    def person(self, name: str) -> str:
        """By which name a person is known here: the id where there is one, else the one spelling of the name.

        A name that an older release stored and that has no spelling stands for itself.
        """
        try:
            spelled = account_name(name)
        except NotAName:
            return name
        return self._ids.get(spelled, spelled)

    def of(self, tier: Tier) -> TierPolicy:
        """What the tier asks for."""
        return self.high if tier == "high" else self.low

    def unmet(self, tier: Tier) -> str | None:
        """Why the people named can't satisfy what a tier asks for; None if they can."""
        asked, roles = self.of(tier), {role for person in self.people.values() for role in person.roles}
        if any(is_person_id(name) and person.is_bare for name, person in self.people.items()):
            roles |= {*asked.roles, *self.waivers.roles}  # the directory tells theirs, and is not known here
        if missing := sorted(set(asked.roles) - roles):
            return f"{tier}.roles: nobody among people is a {', '.join(missing)}"
        if missing := sorted(set(self.waivers.roles) - roles):
            return f"waivers.roles: nobody among people is a {', '.join(missing)}"
        if missing := sorted(set(self.suspension.resume_roles) - roles):
            return f"suspension.resume_roles: nobody among people is a {', '.join(missing)}"
        if self.people and self.suspension.resume_approvals >= len(self.people):
            return (
                f"suspension.resume_approvals: {self.suspension.resume_approvals} are asked for by others than the "
                f"person who resumes, but people names {len(self.people)}"
            )
        if self.people and asked.approvals > len(self.people):
            return f"{tier}.approvals: {asked.approvals} are asked for, but people names {len(self.people)}"
        return None
