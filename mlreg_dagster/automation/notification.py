"""Delivers notices: that a run or a check failed, or that a run was cancelled or never started.

When a notice is due is decided in `failures`.
"""

import logging
from dataclasses import asdict, dataclass
from typing import Protocol

from mlreg_dagster.config import ConfigError, NotificationSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.redaction import blotted
from mlreg_dagster.core.untrusted.text import chat_quote, one_line, visible
from mlreg_dagster.core.untrusted.unpacking import TooLarge
from mlreg_dagster.extensions.notifiers import NOTIFIERS

ATTEMPTS = 3
WAIT_S = 1.0
TIMEOUT_S = 3.0  # Dagster gives a sensor a minute, for up to five failed runs at once
_LONGEST = 2000
_READ_OF_ANSWER = 1024

log = logging.getLogger(__name__)


class NotDelivered(MlregError):
    """A notice that the receiver did not take."""


@dataclass(frozen=True)
class Notice:
    """The content of a notice: which job, in which run, for which partition, and why.

    Attributes:
        event: What happened to the run: `failed` or `cancelled`; one that never started is cancelled.
        message: Why, and of a cancelled one, what happens next.
        check: The asset and the name of the check that failed in the run, where the run itself did not.
    """

    job: str
    run_id: str
    partition: str | None
    message: str
    event: str = "failed"
    check: str | None = None

    @property
    def happened(self) -> str:
        """What happened to the run, as a verb."""
        return "was cancelled" if self.event == "cancelled" else self.event

    @property
    def what(self) -> str:
        """The run or check that the notice is about."""
        return f"Check {self.check}" if self.check else f"Job {self.job} ({self.partition or 'no partition'})"


class Notifier(Protocol):
    """Delivers notices to people."""

    def notify(self, notice: Notice) -> None:
        """Pass a notice on.

        Raises:
            NotDelivered: It did not arrive.
        """


class LogNotifier:
    """Writes notices into the log of the daemon."""

    def notify(self, notice: Notice) -> None:
        """Log it as an error."""
        message = one_line(notice.message, _LONGEST)  # a second line would look like another entry
        if notice.check:
            log.error("Check %s failed in run %s: %s", notice.check, notice.run_id, message)
            return
        partition = f" of {notice.partition}" if notice.partition else ""
        log.error("Run %s of job %s%s %s: %s", notice.run_id, notice.job, partition, notice.happened, message)


class WebhookNotifier:
    """Posts notices as JSON: job, run_id, partition, event, message, check, and `text` for chat systems.

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

        from mlreg_dagster.core.untrusted.http import NoWholeAnswer, exchange

        content = {name: value and visible(value, _LONGEST) for name, value in asdict(notice).items()}
        text = f"{notice.what} {notice.happened}:\n{chat_quote(notice.message, _LONGEST)}"
        try:
            request = httpx.Request(
                "POST", self.url, json={**content, "text": text}, headers={"Accept-Encoding": "gzip"}
            )
            answer = exchange(
                request, timeout_s=TIMEOUT_S, deadline_s=TIMEOUT_S, largest=_READ_OF_ANSWER, beginning=_READ_OF_ANSWER
            )
            problem = "" if httpx.codes.is_success(answer.status) else f"it answered with HTTP {answer.status}"
        except TooLarge:
            problem = ""  # of what a receiver says beyond its status nothing is used
        except NoWholeAnswer as error:
            problem = blotted(str(error), [self.url])
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            problem = "webhook_url is no address"  # which the error would show
        if problem:  # without the address: people who know it may post there
            raise NotDelivered(f"The webhook of notifications.yaml did not take the notice: {problem}.")


class PluginNotifier:
    """A plug-in's notifier, whose failures are told like those of any other.

    Args:
        name: As it is registered.
        notifier: Made of the plug-in's class.
    """

    def __init__(self, name: str, notifier: Notifier) -> None:
        self.name = name
        self.notifier = notifier

    def notify(self, notice: Notice) -> None:
        """Have the plug-in deliver it, once."""
        try:
            self.notifier.notify(notice)
        except NotDelivered:
            raise
        except Exception as error:  # noqa: BLE001 - the error itself may show an address or a key
            raise NotDelivered(
                f"The notifier {self.name} of {NOTIFIERS.plugin(self.name)} did not deliver the notice: it raised "
                f"{type(error).__name__}."
            ) from None


def require_known_notifier(settings: NotificationSettings) -> None:
    """Refuse a notifier that no plug-in registers.

    Raises:
        ConfigError: None does.
    """
    if settings.notifier is not None and settings.notifier not in NOTIFIERS:
        allowed = ", ".join(NOTIFIERS.names) or "none, as no plug-in registers a notifier"
        raise ConfigError(
            f"notifications.yaml: notifier: there is no notifier {settings.notifier!r}; allowed are {allowed}."
        )


def make_notifier(settings: NotificationSettings) -> Notifier:
    """The notifier of notifications.yaml.

    Raises:
        ConfigError: No plug-in registers it, or it does not take the parameters.
    """
    require_known_notifier(settings)
    own = NOTIFIERS.get(settings.notifier) if settings.notifier else None
    if settings.notifier is None or own is None:
        return WebhookNotifier(settings.webhook_url) if settings.webhook_url else LogNotifier()
    try:
        return PluginNotifier(settings.notifier, own(**settings.params))
    except TypeError:  # whose message may show a value
        raise ConfigError(
            f"notifications.yaml: params: {settings.notifier} of {NOTIFIERS.plugin(settings.notifier)} does not take "
            f"{', '.join(settings.params) or 'none'}."
        ) from None
