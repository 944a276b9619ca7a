"""A real `mlreg serve` for a while: over a registry and bundles that are there, with a home of its own.

It logs no answers, and what it counts stays in a temporary folder: the home that is tried stays as it is.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import yaml

from mlreg_dagster.config.places import ARTIFACTS, LATEST, REGISTRY, SERVING_KEYS
from mlreg_dagster.config.settings import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import one_line

_ADDRESS = re.compile(r"on (http://\S+);")
_LOOK_EVERY_S = 0.05
_LONGEST_SHOWN = 600
_ANY_AGE = 86_400.0


class ServerFailed(MlregError):
    """The server ended, or did not start in time."""


@contextmanager
def server_over(
    registry: str, artifacts: str, latest: Mapping[str, bytes], settings: Settings, seconds: float
) -> Iterator[str]:
    """Start a server on free ports of this machine, and stop it at the end.

    Args:
        registry: URL of the registry.
        artifacts: Folder or URL of the bundles.
        latest: Content of the mirror of the newest hour, by file name.
        settings: Of which the server gets its own; however old the newest hour is, it answers from it.
        seconds: In which it has to start.

    Yields:
        Its URL.

    Raises:
        ServerFailed: It ended, or did not start in time.
    """
    with tempfile.TemporaryDirectory(prefix="mlreg-release-") as name:
        folder = Path(name)
        environment = os.environ | _places(folder, registry, artifacts, latest, settings)
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            process = _start(folder, environment, out, err)
        try:
            yield _address(process, folder, seconds)
        finally:
            _stop(process, settings.serving.limits.shutdown_seconds)


def _places(
    folder: Path, registry: str, artifacts: str, latest: Mapping[str, bytes], settings: Settings
) -> dict[str, str]:
    """Write what the server reads; gives the variables that name it."""
    home, configs, mirror = (folder / name for name in ("home", "configs", "latest"))
    for each in (home, configs, mirror):
        each.mkdir()
    for name, content in latest.items():
        (mirror / name).write_bytes(content)
    serving = settings.serving.model_dump(mode="json")
    serving |= {"warn_after_hours": _ANY_AGE, "refuse_after_hours": _ANY_AGE, "log": {"enabled": False}}
    for name, values in {"serving": serving, "outcomes": settings.outcomes.model_dump(mode="json")}.items():
        (configs / f"{name}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return {
        "MLREG_HOME": str(home),
        "MLREG_CONFIG_DIR": str(configs),
        REGISTRY: registry,
        ARTIFACTS: artifacts,
        LATEST: str(mirror),
        SERVING_KEYS: str(folder / "keys.json"),
        "PYTHONUNBUFFERED": "1",
    }


def _start(folder: Path, environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "mlreg_dagster.cli", "serve", "--port", "0", "--admin-port", "0"]
    return subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=out, stderr=err)  # noqa: S603 - our own


def _address(process: "subprocess.Popen[bytes]", folder: Path, seconds: float) -> str:
    """Wait for the line in which the server names its address."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := _ADDRESS.search((folder / "out").read_text(encoding="utf-8", errors="replace")):
            return found[1]
        if process.poll() is not None:
            last = (folder / "err").read_text(encoding="utf-8", errors="replace")[-_LONGEST_SHOWN:]
            raise ServerFailed(f"mlreg serve ended with {process.returncode}: {one_line(last, _LONGEST_SHOWN)}")
        time.sleep(_LOOK_EVERY_S)
    raise ServerFailed(f"mlreg serve did not start within {seconds:g} s. Raise smoke_seconds in rollout.yaml.")


def _stop(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
