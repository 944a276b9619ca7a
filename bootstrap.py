#!/usr/bin/env python3
"""Set up and run this project with nothing but Python: no make, no uv, no activated environment.

    python3 bootstrap.py demo       the whole lifecycle on a simulated market, offline
    python3 bootstrap.py test       the tests
    python3 bootstrap.py setup      only the installation, into .venv

What follows the command is passed on: `python3 bootstrap.py test -n 2 -k warehouse`.
The installation is made once, and again when pyproject.toml or constraints.txt change. `.venv` belongs to this
script: any other package in it is lost then.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)
PROJECT = Path(__file__).resolve().parent
VENV = PROJECT / ".venv"
SCRIPTS, EXE = (VENV / "Scripts", ".exe") if os.name == "nt" else (VENV / "bin", "")
PYTHON = SCRIPTS / f"python{EXE}"
STAMP = VENV / "installed.sha256"
LOG = VENV / "install.log"

COMMANDS = {
    "setup": [],
    "demo": [str(SCRIPTS / f"mlreg{EXE}"), "demo"],
    "test": [str(PYTHON), "-m", "pytest"],
}


class SetupError(Exception):
    """The installation can't be made; the message says what to do."""


def main(arguments: list[str]) -> int:
    """Run one command, after an installation where one is needed; returns its exit code."""
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    command, *rest = arguments
    try:
        if not is_installed():
            check_python()
            install()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    if command == "setup":
        print(f"Installed in {VENV}")
        return 0
    # container images like to set it; nothing is compiled at installation, so each process would compile it all again
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run([*COMMANDS[command], *rest], cwd=PROJECT, env=environment).returncode


def is_installed() -> bool:
    """True where an installation was finished, for the present requirements, in the present place."""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == fingerprint()


def fingerprint() -> str:
    """Changes with everything that an installation depends on."""
    parts = [str(PROJECT), str(sys.version_info[:2])]
    parts += [(PROJECT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def check_python() -> None:
    """Refuse a Python that can't make the environment.

    Raises:
        SetupError: It is too old, or lacks the modules that make virtual environments.
    """
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise SetupError(
            f"Python {oldest} or newer is needed, and {sys.executable} is {found}.\n"
            f"Run this with a newer one, for example: python{oldest} bootstrap.py"
        )
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupError(
            f"{sys.executable} ({found}) can't make virtual environments; it lacks {' and '.join(missing)}.\n"
            "On Debian and Ubuntu: sudo apt install python3-venv"
        )


def install() -> None:
    """Make `.venv` from scratch and install the project and its development tools, every version as pinned.

    Raises:
        SetupError: The environment can't be made, or pip failed.
    """
    print(f"Setting up {VENV} (once; a minute or two)", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True)
    if made.returncode != 0:
        raise SetupError(f"The virtual environment could not be made:\n{made.stdout}{made.stderr}")

    # --no-compile: byte code for ten thousand modules, few of which are ever imported, would double the time.
    pip = [str(PYTHON), "-m", "pip", "install", "--no-compile", "--disable-pip-version-check"]
    if run_with_progress([*pip, "--progress-bar", "off", "-c", "constraints.txt", "-e", ".[dev]"]) != 0:
        raise SetupError(f"{last_lines(LOG)}\npip failed; its output is in {LOG}.\nFix the cause, then run this again.")
    STAMP.write_text(fingerprint())
    print("  done", flush=True)


def run_with_progress(pip: list[str]) -> int:
    """Run pip with its output in LOG and a count of the packages on the screen; returns its exit code."""
    pins = (PROJECT / "constraints.txt").read_text(encoding="utf-8").count("==")
    found = 0
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with LOG.open("w", encoding="utf-8") as log, subprocess.Popen(pip, cwd=PROJECT, **output) as process:
        for line in process.stdout:
            log.write(line)
            if line.startswith(("Collecting ", "Processing ")):
                found += 1
                if found % 25 == 0:
                    print(f"  {found} of about {pins} packages found", flush=True)
            elif line.startswith("Installing collected packages"):
                print("  installing them", flush=True)
    return process.returncode


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a text file."""
    return "\n".join(path.read_text(encoding="utf-8").splitlines()[-count:])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
