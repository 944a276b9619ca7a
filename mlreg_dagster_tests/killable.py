"""The command line in processes that can be killed, forked from one that has imported everything already.

Each is as fresh as one that a shell starts, but begins to work at once: what is killed is work, not imports.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from mlreg_dagster import cli
from mlreg_dagster_tests.repository import PROJECT_DIR

Process = multiprocessing.process.BaseProcess


def start(
    arguments: list[str], environment: Mapping[str, str], output: Path, before: Callable[[], None] | None = None
) -> Process:
    """Start `mlreg` with these arguments.

    Args:
        arguments: What follows `mlreg`.
        environment: All of it.
        output: The file that gets what it prints, and its errors.
        before: Called in the process before the command; a function of a module.
    """
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["mlreg_dagster_tests.preloaded"])
    process = forks.Process(target=_main, args=(arguments, dict(environment), output, before))
    process.start()
    return process


def outlives(process: Process, seconds: float) -> bool:
    """Wait for its end, that long at most; whether it had to be killed then."""
    process.join(seconds)
    lives = process.is_alive()
    process.kill()
    process.join()
    return lives


def _main(
    arguments: list[str], environment: Mapping[str, str], output: Path, before: Callable[[], None] | None
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(PROJECT_DIR)
    sys.argv = ["mlreg", *arguments]
    cli.console.width = 200  # made before there was this environment
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if before:
        before()
    cli.main()
