"""What alerts there can be: an alert, its fingerprint, and the rules by name.

When a rule's alert is due is decided in `conditions` and `decisions`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from mlreg_dagster.config import ConfigError, NotificationSettings
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.registry import Severity
from mlreg_dagster.registry.names import as_utc

_LONGEST = 1000

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The lowest first."""


@dataclass(frozen=True)
class Rule:
    """Something that is watched.

    Attributes:
        name: As alerts, notifications.yaml and the runbook name it.
        severity: How urgent its alerts are, unless one says otherwise.
        meaning: What one of its alerts means.
        in_notices: Whether notices of runs and checks tell of it as well, so that who gets those needs no message.
    """

    name: str
    severity: Severity
    meaning: str
    in_notices: bool = False

    @property
    def runbook(self) -> str:
        """The heading of its entry in docs/runbook.md."""
        return f"Alert {self.name}"


RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("run_failed", "ticket", "the last run of a job failed", in_notices=True),
        Rule("check_failed", "ticket", "an asset check fails", in_notices=True),
        Rule("predictions_late", "page", "no prediction of the last hours was made in time"),
        Rule("outcomes_late", "ticket", "predictions whose horizon has passed have no outcome yet"),
        Rule("drift_late", "ticket", "a day that has ended was not examined for drift in time"),
        Rule("drift_found_late", "info", "a drift of a size that can be found in a day was found later"),
        Rule("retraining_late", "ticket", "a training that was asked for has no evaluated version in time"),
        Rule("flagged_share", "ticket", "the champion flags a share outside of its limits", in_notices=True),
        Rule("champion_old", "info", "the champion has not changed for longer than retraining.yaml allows"),
        Rule("rollout_rolled_back", "ticket", "the rollout of a version was rolled back"),
        Rule("rollout_waits", "ticket", "a rollout goes no further without an approval"),
        Rule("suspended", "page", "no holder of an alias scores: it was suspended"),
        Rule("disk_low", "page", "the disk of the home is nearly full"),
        Rule("channel_down", "ticket", "messages to a channel wait to be delivered"),
        Rule("data_quality", "ticket", "data quality is low"),
        Rule("drift_unknown", "info", "for days there was too little evidence to judge drift"),
        Rule("drift_watch", "ticket", "data, predictions or their worth seem to drift"),
        Rule("drift_confirmed", "ticket", "a drift is confirmed"),
        Rule("training_failed", "ticket", "a training that answers a drift failed or was rejected"),
        Rule("champion_worse", "page", "the champion is worse than another model on the same matured predictions"),
    )
}
"""Every rule by its name; each has an entry in docs/runbook.md."""


@dataclass(frozen=True)
class Alert:
    """Something that is wrong now.

    Attributes:
        rule: The name of its rule.
        subject: What it is about: a check, a job, a family of drift.
        onset: Since when, where that is known and stays the same as long as it lasts. None: since it was first seen,
            and the same alert for as long as the rule finds something wrong with the subject.
        message: What is wrong and what to do, in words.
        severity: None: that of its rule.
        owner: Who is to act; empty: the owner of the use case.
    """

    rule: str
    subject: str
    onset: datetime | None
    message: str
    severity: Severity | None = None
    owner: str = ""

    @property
    def urgency(self) -> Severity:
        """Its severity."""
        return self.severity or RULES[self.rule].severity

    @property
    def text(self) -> str:
        """Its message as it is kept and sent."""
        return one_line(self.message, _LONGEST)


def fingerprint(rule: str, subject: str, onset: datetime) -> str:
    """The same for the same rule, subject and onset; of no other alert."""
    return hashlib.sha256(f"{rule}\n{subject}\n{as_utc(onset).isoformat()}".encode()).hexdigest()


def require_known_rules(settings: NotificationSettings) -> None:
    """Refuse owners of rules that there are not.

    Raises:
        ConfigError: notifications.yaml names one.
    """
    if unknown := sorted(set(settings.owners) - set(RULES)):
        raise ConfigError(
            f"notifications.yaml: owners: there is no rule {', '.join(unknown)}; rules are {', '.join(RULES)}."
        )
