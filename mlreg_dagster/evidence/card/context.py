"""Everything that a card is made from, as values. `collect` reads them; sections put them into words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.config.sections.governance import Tier
from mlreg_dagster.evidence.card.contents.contents import Contents
from mlreg_dagster.evidence.reproduction import Reproduction
from mlreg_dagster.governance.promotion.champion_challenger import Challenge
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.artifacts.verified import Frozen
from mlreg_dagster.outcomes.performance.flagged_share import FlaggedShare
from mlreg_dagster.outcomes.worth.verdict import Worth
from mlreg_dagster.registry import (
    AliasEvent,
    AuditRecord,
    Decision,
    Evaluation,
    ModelVersion,
    Refusal,
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
    """

    checks: Sequence[Mapping[str, Any]] = ()
    freshness: Sequence[Mapping[str, Any]] = ()
    automation: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class WayBack:
    """The version to which the champion's alias would go back, and what prevents it."""

    version: str | None
    problem: str | None


@dataclass(frozen=True)
class CardContext:
    """Everything on record of one version, as of one moment.

    Attributes:
        version: Its record in the registry.
        settings: The configuration of today.
        now: As of when.
        evaluations: The latest one last.
        decisions: About its bytes, the latest one last.
        withdrawals: Of these decisions.
        refusals: Promotions of it that were refused or had to wait.
        moves: Of all aliases, to this version.
        holders: Every alias and who holds it.
        champions: All moves of the champion's alias.
        traffic: Changes of the rollouts in which it was the candidate.
        training: The dataset that it was trained on.
        holdout: That of its latest evaluation; None if it was never evaluated.
        bundle: Its artifact.
        model: The artifact, loaded; None where it can't be.
        audit: The registry's audit log.
        tampering: What does not fit the log, if anything.
        predictions: Rows of role, predictions, in_sample, first_hour, last_hour.
        market_until: The newest hour of the market; None where there is none.
        flagged: What it flags today, where it is champion.
        overdue: Predictions whose outcome could be known but is not recorded.
        outcomes: Its rows of PREDICTION_OUTCOMES.
        drift: The newest decision about drift while it was champion; None: no day was judged.
        worth: It against the simple rankings, by the outcomes that were due.
        reasons: Its rows of PREDICTION_REASONS, of the last days that have any.
        contest: It against the champion, or the champion before it, on the predictions of both; None without any.
        way_back: From this version, where it is champion.
        watch: What the graph watches.
        reproduction: The result of training it again, or why that failed; None: not tried.
        more: Coverage, segments, episodes, changes and software.
    """

    version: ModelVersion
    settings: Settings
    now: pd.Timestamp
    evaluations: Sequence[Evaluation]
    decisions: Sequence[Decision]
    withdrawals: Sequence[Withdrawal]
    refusals: Sequence[Refusal]
    moves: Sequence[AliasEvent]
    holders: Mapping[str, AliasEvent]
    champions: Sequence[AliasEvent]
    traffic: Sequence[TrafficEvent]
    training: Frozen
    holdout: Frozen | None
    bundle: Frozen
    model: Model | None
    audit: Sequence[AuditRecord]
    tampering: str | None
    predictions: Sequence[Mapping[str, Any]]
    market_until: pd.Timestamp | None
    flagged: FlaggedShare | None
    overdue: int
    outcomes: pd.DataFrame
    drift: Mapping[str, Any] | None
    worth: Worth
    reasons: pd.DataFrame
    contest: Challenge | None
    way_back: WayBack
    watch: Watch
    reproduction: Reproduction | str | None
    more: Contents

    @property
    def tier(self) -> Tier:
        """The risk tier by which sections are complete."""
        return self.settings.use_case.risk_tier

    @property
    def aliases(self) -> list[str]:
        """Those that it holds."""
        return [alias for alias, move in self.holders.items() if move.version == self.version.version]

    @property
    def evaluation(self) -> Evaluation | None:
        """The one that counts: the latest that is no experiment."""
        return next((each for each in reversed(self.evaluations) if not each.is_experiment), None)
