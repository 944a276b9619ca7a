"""Messages in the log of the daemon, which takes every one."""

import logging

from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.monitoring.alerts.wording import body, title
from mlreg_dagster.registry import OutboxMessage

log = logging.getLogger(__name__)


class LogChannel:
    """Writes messages into the log, one line each."""

    def deliver(self, message: OutboxMessage) -> None:
        """Log it; the end of an alert as a remark, all else as a warning."""
        level = logging.INFO if message.event.event in {"resolved", "acknowledged"} else logging.WARNING
        log.log(level, "%s: %s", title(message.event), one_line(body(message.event), 2000))
