"""Gets the versions that aliases and rollouts mean; one that can't be loaded is left alone for a while.

Versions that requests name are in `versions`; how a bundle is read is in `scoring`.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.serving.scoring.model import Registered, ServedModel

_LONGEST_WAIT_S = 10.0
"""How long a version that could not be loaded is left alone at most; at first it is tried again at once."""


@dataclass(frozen=True)
class NotLoadable:
    """A version that can't be loaded.

    Attributes:
        why: What is wrong with it.
    """

    why: str


@dataclass(frozen=True)
class _Attempt:
    at: float
    wait_s: float
    failed: NotLoadable


class Loading:
    """Loads versions in the thread that asks.

    Args:
        load: Reads, verifies and warms a bundle.
        first_wait_s: How long one is left alone after its first failure; after each further one twice as long.
    """

    def __init__(self, load: Callable[[Registered], ServedModel], first_wait_s: float) -> None:
        self._load, self._first_wait_s = load, first_wait_s
        self._tried: dict[tuple[str, str], _Attempt] = {}

    def get(
        self, place: str, event: str, version: Registered, loaded: Iterable[ServedModel]
    ) -> ServedModel | NotLoadable:
        """A version: one that is loaded already, else from its bundle, or why it can't be loaded.

        Args:
            place: What it is loaded for; its failures are forgotten once a version of this place is there.
            event: The event that names it; another one has it tried at once.
            version: Its name and the hash of its bundle.
            loaded: Versions that are loaded under other names.
        """
        wanted = (version.version, version.artifact_sha256)
        found = next((each for each in loaded if (each.version, each.sha256) == wanted), None)
        if found is None:
            key = (place, f"{event} {version.artifact_sha256}")
            before = self._tried.get(key)
            if before is not None and time.monotonic() - before.at < before.wait_s:
                return before.failed
            try:
                found = self._load(version)
            except Exception as error:  # noqa: BLE001 - a bundle may be damaged in any way
                failed = NotLoadable(
                    str(error) if isinstance(error, MlregError) else f"{type(error).__name__}: {error}"
                )
                wait_s = min(2 * before.wait_s, _LONGEST_WAIT_S) if before else self._first_wait_s
                self._tried[key] = _Attempt(time.monotonic(), wait_s, failed)
                return failed
        self.forget(place)
        return found

    def forget(self, place: str) -> None:
        """Have the next version of a place tried at once."""
        self._tried = {key: attempt for key, attempt in self._tried.items() if key[0] != place}
