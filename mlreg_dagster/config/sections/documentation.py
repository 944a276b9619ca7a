"""The block `documentation` of use_case.yaml: what only people can say about a model and its use.

It is evidence and no policy: it decides nothing, so that a better sentence needs no adoption. Its texts have a hash of
their own, which is kept with each move of an alias.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, WithJsonSchema, field_validator, model_serializer, model_validator

from mlreg_dagster.config.section import ConfigError, Count, Section
from mlreg_dagster.core.untrusted.text import one_line

_MOST_BYTES = 200_000
_SHORTEST = 15
_PLACEHOLDER = re.compile(
    r"\W*(todo|tbd|tba|fixme|xxx|lorem ipsum|to be (written|done|decided|defined))\b", re.IGNORECASE
)
_SUFFIX = ".md"


class Writing(Section):
    """A text that a person wrote: in use_case.yaml itself, or in a Markdown file that it names.

    Attributes:
        file: Where it stands; relative to the folder of use_case.yaml. None: in use_case.yaml.
    """

    text: str = Field("", description="The text itself, where no file is named.")
    file: str | None = Field(None, description="Markdown; relative to the folder of the config file.")

    @model_validator(mode="before")
    @classmethod
    def _of_a_text_alone(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value

    @field_validator("file")
    @classmethod
    def _is_markdown(cls, file: str | None) -> str | None:
        if file is not None and (not file.endswith(_SUFFIX) or "://" in file):
            raise ValueError("must name a Markdown file (.md) of this machine")
        return file

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text or self.file is None:
            if len(self.text.strip()) < _SHORTEST:
                raise ValueError(f"must be a text of {_SHORTEST} letters or more, or {{file: ../docs/name.md}}")
            if _PLACEHOLDER.match(self.text):
                raise ValueError("is a placeholder; write the text, or leave the key out: what is missing is shown")
        return self

    @property
    def sha256(self) -> str:
        """Of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @model_serializer
    def _as_written(self) -> str | dict[str, str]:
        return self.text if self.file is None else {"file": self.file, "text": self.text}


_Text = Annotated[Writing, WithJsonSchema({"type": "string"})]
"""In the reference a text; a file is another way to write one."""


class Oversight(Section):
    """Which people watch the model, and what they can do about it."""

    overrule: _Text | None = Field(None, description="Who may decide against the model, and how.")
    stop: _Text | None = Field(None, description="Who may stop it, and how.")
    stop_within_minutes: Count | None = Field(None, description="How fast they are able to stop it.")


class ContactPerson(Section):
    """Whom to ask in a role."""

    role: Annotated[str, Field(min_length=2)]
    contact: Annotated[str, Field(min_length=2)]


class DataOrigin(Section):
    """Where the data is from, by people; which source each hour came from is recorded by itself."""

    origin: _Text | None = Field(None, description="Whose data it is, and what it shows.")
    licence: _Text | None = Field(None, description="Under which terms it may be used.")
    collection: _Text | None = Field(None, description="How it was collected, and what is known to be wrong with it.")


class ValidationPlan(Section):
    """The independent validation of the model, and the next one."""

    last: date | None = Field(None, description="Day of the last validation; null = none so far.")
    by: str | None = Field(None, description="Who validated it, independently of those who built it.")
    next: date | None = Field(None, description="Day by which the next one is due.")

    @model_validator(mode="after")
    def _next_after_last(self) -> Self:
        if self.last and self.next and self.next <= self.last:
            raise ValueError(f"next ({self.next}) must lie after last ({self.last})")
        if self.last and not self.by:
            raise ValueError("by must say who validated it")
        return self


class Documentation(Section):
    """What only people can say. All of it may be left out; the card shows what is missing."""

    intended_use: _Text | None = Field(None, description="For what and by whom it is meant to be used.")
    out_of_scope: _Text | None = Field(None, description="For what it must not be used.")
    limits: _Text | None = Field(None, description="What it is known to do badly.")
    affected: _Text | None = Field(None, description="Who may be affected by its errors, and how.")
    oversight: Oversight = Oversight()
    contacts: tuple[ContactPerson, ...] = ()
    data: DataOrigin = DataOrigin()
    personal_data: _Text | None = Field(None, description="Which personal data it uses; or that it uses none.")
    retention: _Text | None = Field(None, description="How long which records are kept, and why.")
    security: _Text | None = Field(None, description="Which threats were considered, and what stands against them.")
    validation: ValidationPlan = ValidationPlan()

    @property
    def texts(self) -> dict[str, Writing]:
        """Every text that is there, by its dotted key."""
        return dict(_texts(self))

    @property
    def text_hashes(self) -> dict[str, str]:
        """SHA-256 of every text that is there, by its dotted key."""
        return {key: text.sha256 for key, text in self.texts.items()}

    @property
    def sha256(self) -> str:
        """Hash of all values."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def with_files_read(documentation: Documentation, config_file: Path) -> Documentation:
    """The documentation with the content of the files that it names.

    Args:
        documentation: As use_case.yaml says it.
        config_file: Which names the files, relative to its folder.

    Raises:
        ConfigError: A file is not there, is too large, can't be read as UTF-8, or holds no more than a placeholder.
    """
    values = {key: _read(text.file, key, config_file) for key, text in documentation.texts.items() if text.file}
    return documentation.override(_nested(values), str(config_file)) if values else documentation


def _texts(section: Section, prefix: str = "") -> Iterator[tuple[str, Writing]]:
    for name, value in section:
        if isinstance(value, Writing):
            yield f"{prefix}{name}", value
        elif isinstance(value, Section):
            yield from _texts(value, f"{prefix}{name}.")


def _read(file: str, key: str, config_file: Path) -> dict[str, str]:
    path = config_file.parent / Path(file).expanduser()
    where = f"{config_file}: documentation.{key} names {one_line(file, 200)}"
    try:
        if not path.is_file():
            raise ConfigError(f"{where}, which is not there. Write it, or leave the key out.")
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{where}, which has more than {_MOST_BYTES:,} bytes. Shorten it.")
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{where}, which can't be read: {error}.") from error
    if not text:
        raise ConfigError(f"{where}, which is empty. Write it, or leave the key out.")
    return {"file": file, "text": text}


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *parts, last = key.split(".")
        inner = nested
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested
