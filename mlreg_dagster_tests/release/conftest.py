"""What tests of the commands share."""

import json
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands set how many threads libraries start; the next tests start as many as before."""
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        monkeypatch.setenv(f"{name}_NUM_THREADS", "1")


@pytest.fixture
def mlreg(mlreg, tmp_path: Path):  # type: ignore[no-untyped-def]
    """With limits that a server, and two versions of one detector, keep to on a busy machine, too."""
    rollout = {"release": {"cpu_ratio": 3.0, "rounds": 40, "smoke_seconds": 3600.0}}
    (tmp_path / "configs" / "rollout.yaml").write_text(json.dumps(rollout))
    return mlreg
