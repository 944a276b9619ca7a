"""Messages by mail, over SMTP; those of one alert are a thread."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

from mlreg_dagster.config import ChannelSettings
from mlreg_dagster.core.untrusted.redaction import blotted
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.monitoring.alerts.channels.base import ChannelUnavailable, MessageRefused, secret_of
from mlreg_dagster.monitoring.alerts.wording import body, title
from mlreg_dagster.registry import OutboxMessage
from mlreg_dagster.registry.mixins.alerts import message_key

TIMEOUT_S = 5.0

_PERMANENT = 500


class MailChannel:
    """Sends each message as one mail to all receivers; its `Message-ID` is the same at every attempt.

    Args:
        settings: Of kind `email`.
    """

    def __init__(self, settings: ChannelSettings) -> None:
        self.settings = settings

    def deliver(self, message: OutboxMessage) -> None:
        """Send it once; see `Channel`."""
        settings = self.settings
        password = secret_of(settings.password_variable) if settings.password_variable else None
        is_sent = False
        try:
            with smtplib.SMTP(settings.host or "", settings.port, timeout=TIMEOUT_S) as server:
                if settings.starttls:
                    server.starttls(context=ssl.create_default_context())
                if settings.user and password:
                    server.login(settings.user, password)
                server.send_message(mail_of(message, settings))
                is_sent = True
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            raise _problem(min(codes), f"it takes mail for none of the {len(codes)} receivers") from None
        except smtplib.SMTPAuthenticationError as error:
            raise ChannelUnavailable(f"it did not let {settings.user} in ({error.smtp_code})") from None
        except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
            said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else ""
            raise _problem(error.smtp_code, f"it answered {error.smtp_code} {one_line(said, 200)}") from None
        except (smtplib.SMTPException, OSError) as error:
            if is_sent:  # only the farewell failed
                return
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ChannelUnavailable(blotted(one_line(f"{type(error).__name__}: {reason}", 300), [password])) from None


def mail_of(message: OutboxMessage, settings: ChannelSettings) -> EmailMessage:
    """The mail, which answers the first one about the same alert."""
    event, domain = message.event, (settings.sender or "").rpartition("@")[2]
    mail = EmailMessage()
    mail["From"], mail["To"] = settings.sender, ", ".join(settings.to)
    mail["Subject"] = title(event)
    mail["Date"] = format_datetime(event.recorded_at)
    mail["Message-ID"] = f"<{message.key}@{domain}>"
    if event.sequence > 1:
        mail["References"] = f"<{message_key(event.fingerprint, 1, message.channel)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body(event))
    return mail


def _problem(code: int, what: str) -> ChannelUnavailable | MessageRefused:
    return MessageRefused(what) if code >= _PERMANENT else ChannelUnavailable(what)
