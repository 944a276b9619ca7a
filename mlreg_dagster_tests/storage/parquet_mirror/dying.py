"""A process that dies at one of the steps by which it changes files of a mirror."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from mlreg_dagster.storage import private_files


class Killed(BaseException):
    """What a dead process does not live to see."""


class Dying:
    """Counts the steps; at its last one, and whatever is tried after it, the process is dead.

    Args:
        root: The mirror's folder; other files are of no concern.
        steps: How many steps it lives; None: it does not die.
    """

    def __init__(self, root: Path, steps: int | None) -> None:
        self._root, self._left = root, steps

    def _step(self) -> None:
        if self._left is not None:
            if self._left <= 0:
                raise Killed
            self._left -= 1

    def _around(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def stepwise(path: Path, *others: Any, **named: Any) -> Any:
            if not Path(path).is_relative_to(self._root):
                return change(path, *others, **named)
            self._step()
            done = change(path, *others, **named)
            self._step()
            return done

        return stepwise

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Until it is dead, or done."""
        with (
            patch.object(Path, "replace", self._around(Path.replace)),
            patch.object(Path, "unlink", self._around(Path.unlink)),
            patch.object(private_files, "write", self._around(private_files.write)),
        ):
            try:
                yield
            except Killed:
                return
