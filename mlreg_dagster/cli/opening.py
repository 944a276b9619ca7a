"""What every command works with: the terminal, and the graph on the home of whoever calls."""

import os
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from mlreg_dagster.runner import Runner

console = Console()


def open_runner(*, replays: bool = False) -> "Runner":
    """The graph and its storage; the home is made if it is not there yet.

    Args:
        replays: History is written: moves of aliases may count from the past on.
    """
    from mlreg_dagster.orchestration.resources import ReplayClock
    from mlreg_dagster.runner import Runner, prepare_home

    os.environ.update(prepare_home())
    return Runner(resources={"clock": ReplayClock()} if replays else None)
