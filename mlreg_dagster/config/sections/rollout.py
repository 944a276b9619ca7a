"""rollout.yaml, and the rollout of a risk tier in promotion.yaml: how a candidate gets into serving, and back."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from mlreg_dagster.config.section import Count, Section, Share
from mlreg_dagster.config.sections.release import ReleaseSettings

RolloutStep = Literal["shadow", "canary_5", "canary_25", "canary_50"]
"""What a policy may leave out; each rollout begins with `staging` and ends with `full`, `closed`."""

ROLLOUT_STEPS: tuple[RolloutStep, ...] = get_args(RolloutStep)

Hours = Annotated[float, Field(ge=0, le=8_760)]
_Positive = Annotated[float, Field(gt=0)]
_Fraction = Annotated[float, Field(gt=0, lt=1)]


class RolloutPolicy(Section):
    """How a version becomes champion step by step: the steps, and what each of them asks for."""

    required: bool = Field(
        False, description="Whether a promotion that would replace the champion is held; rollbacks never are."
    )
    steps: Annotated[tuple[RolloutStep, ...], Field(min_length=1)] = Field(
        ROLLOUT_STEPS, description=f"Between staging and full, in this order: {', '.join(ROLLOUT_STEPS)}."
    )
    dwell_hours: Hours = Field(24.0, description="The least time in each step.")
    watch_hours: Hours = Field(168.0, description="The time with all traffic, before it counts as done.")
    max_hold_hours: Annotated[float, Field(gt=0, le=8_760)] = Field(
        336.0, description="The longest time in one state; after it the candidate goes back."
    )
    min_requests: Annotated[int, Field(ge=0)] = Field(
        500, description="That the candidate answers or shadows in each step; 0 = no server is asked."
    )
    min_pairs: Annotated[int, Field(ge=0)] = Field(
        1000, description="Rows with a known outcome that both versions scored since the rollout was opened."
    )
    canary_approvals: Annotated[int, Field(ge=0)] = Field(
        0, description="Approvals since the rollout was opened, before the candidate gets its first traffic."
    )
    full_approvals: Annotated[int, Field(ge=0)] = Field(
        0, description="Approvals since the rollout was opened, before it gets all traffic; the tier's come on top."
    )
    require_not_worse: bool = Field(
        False, description="Matured outcomes must show that it is not worse, before it gets all traffic."
    )

    @field_validator("steps")
    @classmethod
    def _are_in_order(cls, steps: tuple[RolloutStep, ...]) -> tuple[RolloutStep, ...]:
        if list(steps) != [each for each in ROLLOUT_STEPS if each in steps]:
            raise ValueError(f"must name each step once, in the order {', '.join(ROLLOUT_STEPS)}")
        return steps

    @model_validator(mode="after")
    def _can_be_passed(self) -> Self:
        if self.max_hold_hours <= max(self.dwell_hours, self.watch_hours):
            raise ValueError("max_hold_hours must be longer than dwell_hours and watch_hours")
        return self


class RolloutSettings(Section):
    """rollout.yaml: the budgets of a candidate while it is rolled out, and the statistics that judge them."""

    slow_ms: _Positive = Field(100.0, description="An answer that takes longer is slow.")
    slow_share: _Fraction = Field(
        0.05, description="Share of slow answers that makes a second slow, and share of slow seconds that is allowed."
    )
    error_share: _Fraction = Field(0.01, description="Share of the candidate's seconds that may have an error in them.")
    evidence: Annotated[float, Field(gt=1)] = Field(
        20.0, description="E-value from which errors and slow answers refute the candidate: 20 = wrong in 1 of 20."
    )
    split_evidence: Annotated[float, Field(gt=1)] = Field(
        1000.0, description="E-value from which requests are not split by the weights."
    )
    min_seconds: Count = Field(30, description="Seconds with its answers, before errors and slow answers count.")
    cpu_ms_per_1000: _Positive | None = Field(
        None, description="CPU time of 1,000 rows; null = any, as long as cpu_ratio holds."
    )
    cpu_ratio: Annotated[float, Field(gt=1)] = Field(
        2.0, description="CPU time of a row against the champion's, once each has answered 1,000 rows."
    )
    flagged_at_least: Share = Field(0.0005, description="Share of the rows that the candidate flags.")
    flagged_at_most: Share = Field(0.25, description="The largest share.")
    flagged_rows: Count = Field(1000, description="Rows that the candidate scored, before the share counts.")
    restarts: Annotated[int, Field(ge=2)] = Field(
        3, description="Starts of servers within 10 minutes while the candidate answers: a crash loop."
    )
    stale_seconds: _Positive = Field(300.0, description="Age of the newest counts from which nothing goes on.")
    log_dropped_share: Share = Field(
        0.01, description="Share of the answers without a line in the prediction log from which nothing goes on."
    )
    margin: _Positive = Field(
        0.2, description="By how much recall plus specificity may be lower, and still be not worse."
    )
    alpha: _Fraction = Field(0.05, description="How often the interval of the outcomes may be wrong, at any look.")
    shadow_queue: Count = Field(256, description="Answers that wait to be scored by the candidate; more are dropped.")
    flush_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        5.0, description="How often a server writes its counts while a rollout is open."
    )
    release: ReleaseSettings = ReleaseSettings()

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.flagged_at_least >= self.flagged_at_most:
            raise ValueError("flagged_at_least must be less than flagged_at_most")
        if self.flush_seconds >= self.stale_seconds:
            raise ValueError("flush_seconds must be less than stale_seconds")
        return self
