"""What every command works with: the terminal, the graph on the user's home, and output as tables or JSON."""

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.core.json_values import plain
from mlreg_dagster.core.people import PERSON_ID
from mlreg_dagster.core.untrusted.text import visible

if TYPE_CHECKING:
    from mlreg_dagster.governance.policy.in_force import Rules
    from mlreg_dagster.registry import Directory, Registry
    from mlreg_dagster.runner import Runner

_WAIT_FOR_NAMES_S = 2.0


class Terminal(Console):
    """A terminal on which no text that is printed acts: what others wrote moves no cursor and hides nothing.

    Ids of people are printed with the names that the directory has now; what is printed is not kept.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as Rich does."""
        super().print(*map(_readable, objects), **options)


def _readable(printed: Any) -> Any:
    if isinstance(printed, str):
        return visible(people_named(printed))
    if isinstance(printed, Grid) and printed.mentions(PERSON_ID):
        return printed.spelled(present_directory().in_words)
    return printed


def people_named(text: str) -> str:
    """A text with the present name beside each id of a person; as it is where the registry can't be read."""
    return present_directory().in_words(text) if PERSON_ID.search(text) else text


def present_directory() -> "Directory":
    """The people of the home's registry; nobody where it is not there or can't be read."""
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.config.places import registry_url
    from mlreg_dagster.core.errors import MlregError
    from mlreg_dagster.registry.directory import Directory
    from mlreg_dagster.registry.read_only import ReadOnlyRegistry

    try:
        return ReadOnlyRegistry(registry_url(home_dir()), wait_s=_WAIT_FOR_NAMES_S).directory()
    except MlregError:  # names are a convenience; commands that need the registry say what is wrong
        return Directory()


console = Terminal(soft_wrap=True)  # lines are never broken: paths and commands in them can be pasted
progress_console = Terminal(soft_wrap=True, stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead; docs/json.md documents its shape.")]


def open_runner(*, replays: bool = False) -> "Runner":
    """Open the graph and its storage; make the home if it is not there yet.

    Args:
        replays: History is written: moves of aliases may count from the past on.
    """
    from mlreg_dagster.orchestration.resources import ReplayClock
    from mlreg_dagster.runner import Runner
    from mlreg_dagster.storage.homes import prepare_home

    os.environ.update(prepare_home())
    return Runner(resources={"clock": ReplayClock()} if replays else None)


def open_registry() -> "Registry":
    """The registry of the home, without the graph; the home is made if it is not there yet."""
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.config.places import registry_url
    from mlreg_dagster.registry import Registry
    from mlreg_dagster.storage.homes import prepare_home

    os.environ.update(prepare_home())
    return Registry(registry_url(home_dir()), _first_policy)


def configured_rules() -> "Rules":
    """The rules of the configuration files, which hold the bounds of plug-ins' gates."""
    from mlreg_dagster.config import load_settings
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.governance.policy.in_force import rules_of

    settings = load_settings()
    load_extensions(settings.extensions.modules)
    return rules_of(settings)


def _first_policy() -> tuple[dict[str, Any], datetime]:
    return configured_rules().content, datetime.now(UTC)


def show(as_json: bool, *sentences: str, **facts: Any) -> None:
    """Print tables and sentences for people, or all facts as one JSON object.

    Args:
        as_json: Which of the two.
        sentences: Printed after the tables, for people alone.
        facts: By name; a `Grid` is printed as a table and stands for its facts.
    """
    if as_json:
        whole = {name: plain(value.facts if isinstance(value, Grid) else value) for name, value in facts.items()}
        typer.echo(json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False))
        return
    for value in facts.values():
        if isinstance(value, Grid):
            console.print(value)
    for sentence in sentences:
        console.print(sentence, markup=False, highlight=False)
