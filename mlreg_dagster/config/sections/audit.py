"""audit.yaml: where heads of the audit log are published."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mlreg_dagster.config.section import Section
from mlreg_dagster.config.sections.notifications import Url, Variable


def _absolute(text: str) -> str:
    if not Path(text).is_absolute():
        raise ValueError("must be an absolute path: each process would take another from its own folder")
    return text


Place = Annotated[str, Field(min_length=1), AfterValidator(_absolute)]


class AuditSettings(Section):
    """audit.yaml: where heads of the audit log are published, out of reach of people who can write the registry."""

    heads_file: Place | None = Field(None, description="File to which each head is appended as a line; null = none.")
    time_stamp_folder: Place | None = Field(
        None, description="Folder for each head and a request for a time stamp of it (RFC 3161); null = none."
    )
    webhook_url: Url | None = Field(None, description="Gets each head as JSON; null = none.")
    webhook_url_variable: Variable | None = Field(
        None, description="Environment variable that holds that URL, where it is a secret."
    )
    signed: bool = Field(False, description="Heads are signed with the key that MLREG_SIGNING_KEY names, or refused.")
    every: Literal["hour", "day"] = Field("day", description="How often `audit_schedule` publishes.")

    @property
    def publishes(self) -> bool:
        """Whether any place is named."""
        return any((self.heads_file, self.time_stamp_folder, self.webhook_url, self.webhook_url_variable))

    @model_validator(mode="after")
    def _has_one_webhook(self) -> Self:
        if self.webhook_url and self.webhook_url_variable:
            raise ValueError("webhook_url and webhook_url_variable name the same: write one of them")
        return self
