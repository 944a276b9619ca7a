"""Arguments that several commands share, and texts of theirs as values."""

from datetime import datetime
from typing import Annotated, Any

import pandas as pd
import typer
import yaml

from mlreg_dagster.config import plain_yaml
from mlreg_dagster.errors import MlregError

Version = Annotated[str, typer.Argument(help="v7, latest, latest-1, or an alias.")]
Reason = Annotated[str, typer.Option(help="Why; kept for ever.")]
Actor = Annotated[str | None, typer.Option(help="By whose word; default: MLREG_ACTOR or the system's user.")]
Alias = Annotated[str, typer.Option(help="champion, challenger, or any other name.")]
EffectiveAt = Annotated[
    str | None, typer.Option(help="From when it counts, UTC (2017-12-20T00:00); the past only for replays.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value over the config file, this time; params.n_neighbors=30."),
]


def parse_time(text: str) -> pd.Timestamp:
    """A time, UTC unless it says otherwise.

    Raises:
        MlregError: The text is no time.
    """
    try:
        stamp = pd.Timestamp(datetime.fromisoformat(text))  # pandas alone would read 10:00 as today's
        return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    except (ValueError, OverflowError) as error:
        raise MlregError(f"{text!r} is not a time. Write it as 2017-12-20T00:00.") from error


def parse_overrides(overrides: list[str] | None) -> dict[str, Any]:
    """What `--set` was given, nested as in a config file.

    Raises:
        MlregError: A text is not key=value, or contradicts another.
    """
    values: dict[str, Any] = {}
    for item in overrides or []:
        path, found, text = item.partition("=")
        if not found:
            raise MlregError(f"--set {item}: write key=value, or section.key=value.")
        *sections, key = path.split(".")
        inner = values
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise MlregError(f"--set {item}: {section} has a value already.")
        try:
            inner[key] = plain_yaml.parse(text)
        except yaml.YAMLError as error:
            raise MlregError(f"--set {item}: this is no YAML value: {error}") from error
    return values
