"""notifications.yaml: who is told of what, and through which channel."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, model_validator

from mlreg_dagster.config.section import Section

Url = Annotated[str, Field(pattern="^https?://")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]
Severity = Literal["info", "ticket", "page"]

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The lowest first."""

_NEEDS = {
    "log": (),
    "webhook": (("url", "url_variable"),),
    "slack": (("url", "url_variable"),),
    "pagerduty": (("key_variable",),),
    "email": (("host",), ("sender",), ("to",)),
}
_MAY_HAVE = {"pagerduty": ("url",), "email": ("port", "starttls", "user", "password_variable")}
_OF_ALL = ("kind", "severities", "owners")


class ChannelSettings(Section):
    """A way to people: what it takes to reach them, and which alerts go there."""

    kind: Literal["log", "webhook", "slack", "pagerduty", "email"]
    severities: Annotated[tuple[Severity, ...], Field(min_length=1)] = Field(
        ("ticket", "page"), description="Of the alerts that go there."
    )
    owners: tuple[Text, ...] = Field((), description="Only alerts of these owners; empty: of any.")
    url: Url | None = Field(
        None, description="Of webhook and slack; of pagerduty null = its Events API v2 in the United States."
    )
    url_variable: Variable | None = Field(
        None, description="Environment variable that holds the URL, where the URL is a secret, as that of Slack is."
    )
    key_variable: Variable | None = Field(None, description="Environment variable that holds PagerDuty's routing key.")
    host: Text | None = Field(None, description="The mail server.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(587, description="Of the mail server.")
    starttls: bool = Field(True, description="Whether the connection to the mail server is encrypted by STARTTLS.")
    sender: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = Field(None, description="Of the mails.")
    to: tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")], ...] = Field((), description="Who gets the mails.")
    user: Text | None = Field(None, description="To log in with at the mail server; null = without.")
    password_variable: Variable | None = Field(
        None, description="Environment variable that holds the password of that user."
    )

    @model_validator(mode="after")
    def _has_what_its_kind_takes(self) -> Self:
        needs = _NEEDS[self.kind]
        for names in needs:
            if sum(bool(getattr(self, name)) for name in names) != 1:
                raise ValueError(f"kind {self.kind} needs {' or '.join(names)}")
        allowed = {*_OF_ALL, *(name for names in needs for name in names), *_MAY_HAVE.get(self.kind, ())}
        if strange := sorted(name for name in self.model_fields_set - allowed if getattr(self, name)):
            raise ValueError(f"kind {self.kind} does not take {', '.join(strange)}")
        if bool(self.user) != bool(self.password_variable):
            raise ValueError("user and password_variable go together")
        return self


class NotificationSettings(Section):
    """notifications.yaml: who is told of runs and checks that failed, and of alerts."""

    webhook_url: Url | None = Field(None, description="Gets notices as JSON; null = the log.")
    notifier: Text | None = Field(
        None, description="A plug-in's notifier; null = the webhook if there is one, else the log."
    )
    params: dict[str, Any] = Field({}, description="Keyword arguments of a plug-in's notifier.")
    channels: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,39}$")], ChannelSettings] = Field(
        {}, description="Ways to people by a name of yours; alerts go to each that takes their severity and owner."
    )
    owners: dict[str, Text] = Field(
        {}, description="Who is to act on the alerts of a rule, by its name; others go to the owner in use_case.yaml."
    )
    reminder_hours: Annotated[int, Field(ge=1)] | None = Field(
        24, description="From one message to the next about an alert that nobody has acknowledged; null = none."
    )

    @property
    def reminder(self) -> timedelta | None:
        """From one message to the next about an alert that nobody has acknowledged."""
        return None if self.reminder_hours is None else timedelta(hours=self.reminder_hours)
