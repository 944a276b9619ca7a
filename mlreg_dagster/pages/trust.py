"""Whether a registry can be believed: its audit log is verified before anything of it is shown."""

import time
from pathlib import Path
from threading import Lock

from mlreg_dagster.orchestration.dagster_internals.audit_heads import recorded_heads
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.trust import Trusted
from mlreg_dagster.registry.witness import RegistryTampered

WHOLE_EVERY_S = 60.0
"""How often everything is verified; in between what was added, and all rows of moves, traffic and suspensions."""


class Trust:
    """Verifies one registry, again and again.

    Args:
        registry: Which.
        dagster_home: Whose event log remembers heads of the audit log, by which a cut is noticed.
    """

    def __init__(self, registry: Registry, dagster_home: Path) -> None:
        self._registry, self._dagster_home = registry, dagster_home
        self._known: Trusted | None = None
        self._whole_at = float("-inf")
        self._broken: str | None = None
        self._lock = Lock()

    def problem(self) -> str | None:
        """The first thing that does not fit the audit log, in words; None where all does.

        Raises:
            RegistryUnavailable, SchemaMismatch, RegistryDamaged: The registry can't be read.
        """
        with self._lock:
            is_due = time.monotonic() - self._whole_at >= WHOLE_EVERY_S
            if is_due or self._broken is not None:
                self._broken = self._registry.find_tampering(recorded_heads(self._dagster_home) or set())
                self._whole_at = time.monotonic()
            if self._broken is None:
                try:
                    self._known = self._registry.trusted(self._known)
                except RegistryTampered as error:
                    self._broken = str(error)
            return self._broken
