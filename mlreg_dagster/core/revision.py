"""Which code runs: the commit of a checkout, or the release of an installation. Never fails, with git or without."""

import json
import os
import subprocess
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any

from mlreg_dagster.core.version import __version__

DISTRIBUTION = "mlreg-dagster"
_PACKAGE = Path(__file__).parents[1]
_LONGEST_S = 10
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
"""Variables that a hook of another repository leaves behind."""


def code_revision(project: Path | None = None) -> dict[str, dict[str, Any]]:
    """The code of the package, and of a project where its folder is a checkout.

    Args:
        project: The folder of the project or of its configuration; None: there is none.

    Returns:
        `package`: its `version`, `from` (checkout, vcs, installation), and of the first two its `commit`. `project`, if
        it is tracked by git: its `commit`. Of a checkout also `dirty`: whether files of the folder differ from the
        commit; None: not known.
    """
    found = {"package": package_revision(_PACKAGE)}
    if project is not None and (checkout := checkout_of(project)):
        found["project"] = checkout
    return found


def package_revision(folder: Path) -> dict[str, Any]:
    """The code of the package in a folder: a checkout, or what an installer wrote down about it."""
    version = {"version": __version__}
    if checkout := checkout_of(folder):
        return {**version, "from": "checkout", **checkout}
    try:
        commit = commit_of_installation(Distribution.from_name(DISTRIBUTION).read_text("direct_url.json"))
    except PackageNotFoundError:
        commit = None
    return {**version, "from": "vcs", "commit": commit} if commit else {**version, "from": "installation"}


def checkout_of(folder: Path) -> dict[str, Any] | None:
    """The commit of a folder that git tracks; None where git does not, or there is no git."""
    if not _git(folder, "ls-files", "--", "."):
        return None  # an installation within the checkout of another project, for example
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    changes = _git(folder, "status", "--porcelain", "--", ".")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def commit_of_installation(direct_url: str | None) -> str | None:
    """The commit that was installed, by direct_url.json of the installation (PEP 610); None where it names none."""
    try:
        commit = json.loads(direct_url or "{}").get("vcs_info", {}).get("commit_id")
    except (ValueError, AttributeError):
        return None
    return commit if isinstance(commit, str) else None


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers; None where it fails, is not there or takes too long."""
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    command = ("git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments)
    try:
        answer = subprocess.run(  # noqa: S603 - arguments of ours
            command,
            capture_output=True,
            check=True,
            timeout=_LONGEST_S,
            stdin=subprocess.DEVNULL,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode(errors="replace").strip()
