"""What every command works with: the terminal, and the graph on the home of whoever calls."""

import os
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mlreg_dagster.text import visible

if TYPE_CHECKING:
    from mlreg_dagster.runner import Runner


class Terminal(Console):
    """A terminal on which no text that is printed acts: what others wrote moves no cursor and hides nothing."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as Rich does."""
        super().print(*(visible(each) if isinstance(each, str) else each for each in objects), **options)


console = Terminal()


def open_runner() -> "Runner":
    """The graph and its storage; the home is made if it is not there yet."""
    from mlreg_dagster.runner import Runner, prepare_home

    os.environ.update(prepare_home())
    return Runner()
