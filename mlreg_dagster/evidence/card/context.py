"""Everything that a card is made from, as values. `collect` reads them; sections put them into words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mlreg_dagster.config import FeatureSettings, Settings, UseCaseSettings
from mlreg_dagster.config.sections.governance import Tier, TierPolicy
from mlreg_dagster.evidence.card.contents.contents import Contents
from mlreg_dagster.evidence.card.sources import Sources
from mlreg_dagster.evidence.card.standing import Standing
from mlreg_dagster.evidence.reproduction import Reproduction
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.governance.promotion.champion_challenger import Challenge
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.artifacts.verified import Frozen
from mlreg_dagster.models.evaluation.attempts import Looks
from mlreg_dagster.outcomes.performance.flagged_share import FlaggedShare
from mlreg_dagster.outcomes.worth.verdict import Worth
from mlreg_dagster.registry import (
    AliasEvent,
    AuditRecord,
    Decision,
    Evaluation,
    Incident,
    ModelVersion,
    PolicyRecord,
    Refusal,
    Suspension,
    TrafficEvent,
    Withdrawal,
)


@dataclass(frozen=True)
class Watch:
    """What the graph watches and does on its own.

    Attributes:
        checks: Rows of asset, check, what it asks, its last result and when that was.
        freshness: Rows of asset and how old it may be.
        automation: Rows of name, kind, what it does.
        known: Whether the graph was asked.
    """

    checks: Sequence[Mapping[str, Any]] = ()
    freshness: Sequence[Mapping[str, Any]] = ()
    automation: Sequence[Mapping[str, Any]] = ()
    known: bool = True


@dataclass(frozen=True)
class WayBack:
    """The way back from the champion.

    Attributes:
        version: To which version; None where none remains, or this one is not champion.
        problem: What would refuse the rollback now.
        stricter_today: What today's policy asks beyond what admitted that version, and a rollback need not show.
        trial: What its trial found; empty where it was not tried.
        untried: Whether nothing was asked for.
    """

    version: str | None
    problem: str | None
    stricter_today: tuple[str, ...] = ()
    trial: Mapping[str, Any] = field(default_factory=dict)
    untried: bool = False


@dataclass(frozen=True)
class CardContext:
    """Everything on record of one version, as of one moment.

    Attributes:
        version: Its record in the registry.
        settings: The configuration files of today; what is judged by is in `rules`.
        rules: In force by the registry: policy, use case and evaluation.
        policy: The record of these; None where none was recorded yet.
        policy_differences: What the configuration files say otherwise.
        now: As of when.
        evaluations: The latest one last.
        looks: How often the holdout of the latest one was looked at, by all versions; None without an evaluation.
        decisions: About its bytes, the latest one last.
        withdrawals: Of these decisions.
        refusals: Promotions of it that were refused or had to wait.
        moves: Of all aliases, to this version.
        holders: Every alias and who holds it.
        standings: The approvals that count now, by the aliases that it holds.
        champions: All moves of the champion's alias.
        traffic: Changes of the rollouts in which it was the candidate.
        incidents: Those that name it, or no version at all.
        suspensions: How aliases were suspended and resumed that it held then, or holds now.
        training: The dataset that it was trained on.
        holdout: That of its latest evaluation; None if it was never evaluated.
        bundle: Its artifact.
        model: The artifact, loaded; None where it can't be.
        audit: The registry's audit log.
        tampering: What does not fit the log, if anything.
        predictions: Rows of role, predictions, in_sample, first_hour, last_hour.
        sources: Where the market came from when it was trained, and comes from now.
        market_until: The newest hour of the market; None where there is none.
        flagged: What it flags today, where it is champion.
        overdue: Predictions whose outcome could be known but is not recorded.
        outcomes: Its rows of PREDICTION_OUTCOMES.
        drift: The newest decision about drift while it was champion; None: no day was judged.
        worth: It against the simple rankings, by the outcomes that were due.
        reasons: Its rows of PREDICTION_REASONS, of the last days that have any.
        contest: It against the champion, or the champion before it, on the predictions of both; None without any.
        way_back: From this version, where it is champion.
        untried: Whether the model was not loaded, nor the way back tried.
        watch: What the graph watches.
        reproduction: The result of training it again, or why that failed; None: not tried.
        more: Coverage, segments, episodes, changes and software.
    """

    version: ModelVersion
    settings: Settings
    rules: Rules
    policy: PolicyRecord | None
    policy_differences: Sequence[str]
    now: pd.Timestamp
    evaluations: Sequence[Evaluation]
    looks: Looks | None
    decisions: Sequence[Decision]
    withdrawals: Sequence[Withdrawal]
    refusals: Sequence[Refusal]
    moves: Sequence[AliasEvent]
    holders: Mapping[str, AliasEvent]
    standings: Mapping[str, Standing]
    champions: Sequence[AliasEvent]
    traffic: Sequence[TrafficEvent]
    incidents: Sequence[Incident]
    suspensions: Sequence[Suspension]
    training: Frozen
    holdout: Frozen | None
    bundle: Frozen
    model: Model | None
    audit: Sequence[AuditRecord]
    tampering: str | None
    predictions: Sequence[Mapping[str, Any]]
    sources: Sources
    market_until: pd.Timestamp | None
    flagged: FlaggedShare | None
    overdue: int
    outcomes: pd.DataFrame
    drift: Mapping[str, Any] | None
    worth: Worth
    reasons: pd.DataFrame
    contest: Challenge | None
    way_back: WayBack
    untried: bool
    watch: Watch
    reproduction: Reproduction | str | None
    more: Contents

    @property
    def tier(self) -> Tier:
        """The risk tier in force, by which sections are complete."""
        return self.use_case.risk_tier

    @property
    def tier_policy(self) -> TierPolicy:
        """What that tier asks."""
        return self.rules.promotion.of(self.tier)

    @property
    def use_case(self) -> UseCaseSettings:
        """The one in force; what people wrote about it stands in the files of today."""
        return self.rules.use_case

    @property
    def feature_settings(self) -> FeatureSettings:
        """Those with which its features were computed."""
        return FeatureSettings.model_validate(self.version.manifest["feature_settings"])

    @property
    def parts(self) -> list[Frozen]:
        """The datasets: of its training, and of its latest evaluation."""
        return [self.training, *([self.holdout] if self.holdout else [])]

    @property
    def held(self) -> list[AliasEvent]:
        """The moves by which it holds its aliases."""
        return [move for move in self.holders.values() if move.version == self.version.version]

    @property
    def aliases(self) -> list[str]:
        """Those that it holds."""
        return [move.alias for move in self.held]

    @property
    def evaluation(self) -> Evaluation | None:
        """The one that counts: the latest that is no experiment."""
        return next((each for each in reversed(self.evaluations) if not each.is_experiment), None)
