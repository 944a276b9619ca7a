"""Progress of long commands: a bar on a terminal, a line for each step in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Advance = Callable[[str, int], None]
"""Takes the name of the step that begins, and its number."""


@contextmanager
def step_progress(console: Console, total: int) -> Iterator[Advance]:
    """Show steps on the way to `total`."""
    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console,
    )  # fmt: skip
    with bar:
        task = bar.add_task("", total=total)

        def advance(step: str, come: int) -> None:
            bar.update(task, description=f"{step:<52}", completed=come)
            if not console.is_terminal:
                console.print(f"[{come}/{total}] {step}", markup=False, highlight=False)

        yield advance
