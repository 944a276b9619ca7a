"""Messages over HTTP: plain JSON, in the form that Slack takes, and in that of PagerDuty's Events API v2."""

from collections.abc import Callable, Mapping
from typing import Any

from mlreg_dagster.core.untrusted.redaction import blotted
from mlreg_dagster.core.untrusted.text import chat_quote, visible
from mlreg_dagster.core.untrusted.unpacking import TooLarge
from mlreg_dagster.monitoring.alerts.channels.base import ChannelUnavailable, MessageRefused, secret_of
from mlreg_dagster.monitoring.alerts.wording import body, details, title
from mlreg_dagster.registry import OutboxMessage

TIMEOUT_S = 5.0
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"

_READ_OF_ANSWER = 1024
_LATER = {408, 425, 429}
_PAGERDUTY_ACTIONS = {"acknowledged": "acknowledge", "resolved": "resolve"}
_PAGERDUTY_SEVERITIES = {"info": "info", "ticket": "warning", "page": "critical"}

Payload = Callable[[OutboxMessage], Mapping[str, Any]]


class WebChannel:
    """Posts messages as JSON; the header `Idempotency-Key` is the same at every attempt of one.

    Args:
        payload: What is posted.
        url: Where to.
        url_variable: The environment variable that holds the URL instead.
    """

    def __init__(self, payload: Payload, url: str | None, url_variable: str | None = None) -> None:
        self.payload, self.url, self.url_variable = payload, url, url_variable

    def deliver(self, message: OutboxMessage) -> None:
        """Post it once; see `Channel`."""
        url = self.url or secret_of(self.url_variable or "")
        post_json(url, self.payload(message), message.key)


def post_json(url: str, content: Mapping[str, Any], key: str) -> None:
    """Post once.

    Args:
        url: Where to; no error shows it.
        content: What is posted.
        key: By which the receiver tells a repeated message.

    Raises:
        ChannelUnavailable: No message passes now.
        MessageRefused: This one does not.
    """
    import httpx

    from mlreg_dagster.core.untrusted.http import NoWholeAnswer, exchange

    headers = {"Accept-Encoding": "gzip", "Idempotency-Key": key}
    try:
        request = httpx.Request("POST", url, json=dict(content), headers=headers)
        status = exchange(
            request, timeout_s=TIMEOUT_S, deadline_s=TIMEOUT_S, largest=_READ_OF_ANSWER, beginning=_READ_OF_ANSWER
        ).status
    except TooLarge:
        return  # a success, of whose answer nothing is used
    except NoWholeAnswer as error:
        raise ChannelUnavailable(blotted(str(error), [url])) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        raise ChannelUnavailable("its URL is no address") from None  # which the error would show
    if status in _LATER or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise ChannelUnavailable(f"it answered with HTTP {status}")
    if not httpx.codes.is_success(status):
        raise MessageRefused(f"it answered with HTTP {status}")


def plain(message: OutboxMessage) -> dict[str, Any]:
    """The facts of a message by name, and `text` for people."""
    event = message.event
    return {
        "key": message.key,
        "fingerprint": event.fingerprint,
        "event": event.event,
        "state": event.state,
        "rule": event.rule,
        "subject": visible(event.subject, 500),
        "severity": event.severity,
        "owner": visible(event.owner, 200),
        "message": visible(event.message, 2000),
        "runbook": event.runbook,
        "onset": event.onset.isoformat(),
        "recorded_at": event.recorded_at.isoformat(),
        "actor": event.actor,
        "reason": visible(event.reason, 2000),
        "text": f"{title(event)}\n{body(event)}",
    }


def slack(message: OutboxMessage) -> dict[str, Any]:
    """For an incoming webhook of Slack: a heading, the message as a quotation, the details."""
    event = message.event
    fields = [
        {"type": "mrkdwn", "text": f"*{name}*\n{_escaped(value)}"} for name, value in list(details(event).items())[:10]
    ]
    return {
        "text": _escaped(title(event)),  # where blocks are not shown
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": title(event)[:150]}},
            {"type": "section", "text": {"type": "mrkdwn", "text": chat_quote(event.message, 2000)}},
            {"type": "section", "fields": fields},
        ],
    }


def pagerduty(key_variable: str) -> Payload:
    """For PagerDuty's Events API v2; `dedup_key` is the alert's fingerprint, so that no event opens a second incident.

    Args:
        key_variable: The environment variable that holds the routing key.
    """

    def payload(message: OutboxMessage) -> dict[str, Any]:
        event = message.event
        whole: dict[str, Any] = {
            "routing_key": secret_of(key_variable),
            "event_action": _PAGERDUTY_ACTIONS.get(event.event, "trigger"),
            "dedup_key": event.fingerprint,
        }
        if whole["event_action"] == "trigger":
            whole["payload"] = {
                "summary": title(event),
                "source": "mlreg-dagster",
                "severity": _PAGERDUTY_SEVERITIES[event.severity],
                "timestamp": event.onset.isoformat(),
                "component": visible(event.subject, 500),
                "group": event.rule,
                "class": event.rule,
                "custom_details": {"message": visible(event.message, 2000), **details(event)},
            }
        return whole

    return payload


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
