"""Versions that are asked for by their names: loaded in the background, and the least recently used one forgotten."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.serving.following.names import Bundle, NotLoaded
from mlreg_dagster.serving.scoring.model import ServedModel

_LOG = logging.getLogger(__name__)
_TRY_AGAIN_S = 10.0
_MOST_WAITING = 32


class Versions:
    """The versions that were asked for by name.

    Args:
        load: Loads a bundle, in a thread of this class.
        kept: How many stay loaded.
    """

    def __init__(self, load: Callable[[Bundle], ServedModel], kept: int) -> None:
        self._load = load
        self._kept = kept
        self._lock = Lock()
        self._loaded: OrderedDict[str, ServedModel] = OrderedDict()
        self._failed: dict[str, tuple[float, str]] = {}
        self._waiting: set[str] = set()
        self._pool = ThreadPoolExecutor(1, "mlreg-versions")

    def get(self, bundle: Bundle) -> ServedModel:
        """A version that is loaded; one that is not begins to be.

        Raises:
            NotLoaded: It is not loaded yet, or can't be.
        """
        name = bundle.version
        with self._lock:
            found = self._loaded.get(name)
            if found is not None and found.sha256 == bundle.artifact_sha256:
                self._loaded.move_to_end(name)
                return found
            failed_at, why = self._failed.get(name, (0.0, ""))
            if why and time.monotonic() - failed_at < _TRY_AGAIN_S:
                raise NotLoaded(why)
            if name not in self._waiting:
                if len(self._waiting) >= _MOST_WAITING:
                    raise NotLoaded(f"{len(self._waiting)} other versions are being loaded. Try again later.")
                self._waiting.add(name)
                self._pool.submit(self._fetch, bundle)
        raise NotLoaded(f"{name} is being loaded. Try again in a moment.")

    def loaded(self) -> list[ServedModel]:
        """Those that are loaded, the most recently used one last."""
        with self._lock:
            return list(self._loaded.values())

    def stop(self) -> None:
        """Load nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, bundle: Bundle) -> None:
        name = bundle.version
        try:
            model = self._load(bundle)
        except Exception as error:  # noqa: BLE001 - whatever it is, requests are told, and the next version is loaded
            if not isinstance(error, MlregError):
                _LOG.exception("%s could not be loaded", name)
            with self._lock:
                self._failed = {name: (time.monotonic(), f"{name} can't be loaded. {error}"), **self._recent()}
        else:
            _LOG.info("%s is loaded, as it was asked for by name", name)
            with self._lock:
                self._failed.pop(name, None)
                self._loaded[name] = model
                while len(self._loaded) > self._kept:
                    self._loaded.popitem(last=False)
        finally:
            with self._lock:
                self._waiting.discard(name)

    def _recent(self) -> dict[str, tuple[float, str]]:
        now = time.monotonic()
        return {name: each for name, each in self._failed.items() if now - each[0] < _TRY_AGAIN_S}
