"""Telling people that a run or a check failed: into the log, or to a webhook."""

import logging
from dataclasses import asdict, dataclass
from typing import Protocol

from mlreg_dagster.config import NotificationSettings
from mlreg_dagster.errors import MlregError

ATTEMPTS = 3
WAIT_S = 1.0
TIMEOUT_S = 3.0  # Dagster gives a sensor a minute, for up to five failed runs at once

log = logging.getLogger(__name__)


class NotDelivered(MlregError):
    """A notice that the receiver did not take."""


@dataclass(frozen=True)
class Notice:
    """What is told: which job failed, in which run, for which partition, and why.

    Attributes:
        check: The asset and the name of the check that failed in the run, where the run itself did not.
    """

    job: str
    run_id: str
    partition: str | None
    message: str
    check: str | None = None

    @property
    def what(self) -> str:
        """What failed."""
        return f"Check {self.check}" if self.check else f"Job {self.job} ({self.partition or 'no partition'})"


class Notifier(Protocol):
    """Whoever tells people."""

    def notify(self, notice: Notice) -> None:
        """Pass a notice on.

        Raises:
            NotDelivered: It did not arrive.
        """


class LogNotifier:
    """Writes notices into the log of the daemon."""

    def notify(self, notice: Notice) -> None:
        """Log it as an error."""
        if notice.check:
            log.error("Check %s failed in run %s: %s", notice.check, notice.run_id, notice.message)
            return
        partition = f" of {notice.partition}" if notice.partition else ""
        log.error("Run %s of job %s%s failed: %s", notice.run_id, notice.job, partition, notice.message)


class WebhookNotifier:
    """Posts notices as JSON: job, run_id, partition, message, check, and `text` for chat systems.

    Args:
        url: Where to.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def notify(self, notice: Notice) -> None:
        """Post it, several times if need be: Dagster does not come again with the same failure."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

        again = retry_if_exception_type(NotDelivered)
        retrying = Retrying(stop=stop_after_attempt(ATTEMPTS), wait=wait_fixed(WAIT_S), retry=again, reraise=True)
        retrying(self._post, notice)

    def _post(self, notice: Notice) -> None:
        import httpx

        text = f"{notice.what} failed: {notice.message}"
        try:
            reply = httpx.post(self.url, json={**asdict(notice), "text": text}, timeout=TIMEOUT_S)
            reply.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotDelivered(f"The webhook of notifications.yaml did not take the notice: {error}.") from error


def make_notifier(settings: NotificationSettings) -> Notifier:
    """The notifier of notifications.yaml."""
    return WebhookNotifier(settings.webhook_url) if settings.webhook_url else LogNotifier()
