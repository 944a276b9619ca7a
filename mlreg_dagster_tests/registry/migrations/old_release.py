"""A home of an older release, asked by that release, upgraded, and asked again by this one: the answers are equal.

It needs the repository's history, so it is run by hand; `test_schemas.py` upgrades a dump of such a registry.

    python -m mlreg_dagster_tests.registry.migrations.old_release 9642e7f /tmp/old

The folder keeps the worktree (`code`), the home as the older release left it (`home`) and its upgraded copy.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[3]
QUESTIONS = 200

ASK = """
import json, random, sys
import pandas as pd
try:
    from mlreg_dagster.registry import Registry
except ImportError:
    from mlreg_dagster.storage.registry import Registry

def plain(event):
    return None if event is None else {name: str(value) for name, value in vars(event).items()}

registry, dice = Registry(f"sqlite:///{sys.argv[1]}/registry.sqlite"), random.Random(0)
first, last = pd.Timestamp("2026-01-14", tz="UTC"), pd.Timestamp("2026-01-24", tz="UTC")
times = [first + dice.random() * (last - first) for _ in range(int(sys.argv[2]))]
versions = [version.version for version in registry.versions()]
log = [(link.sequence, link.hash) for link in registry.audit_log()]
print(json.dumps({
    "champion": [plain(registry.holder("champion", time)) for time in times],
    "history": {alias: [plain(event) for event in registry.history(alias)] for alias in ("champion", "challenger")},
    "versions": {name: registry.status(name) for name in versions},
    "tampering": registry.find_tampering(),
    "log": log[: int(sys.argv[3])] if int(sys.argv[3]) else log,
}))
"""


def main(commit: str, folder: Path) -> None:
    """Make the home unless it is there, ask, upgrade, ask again, and compare."""
    code, home, upgraded = (folder / name for name in ("code", "home", "upgraded"))
    if not code.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "worktree", "add", "--detach", str(code), commit], check=True, cwd=PROJECT)
    if not home.exists():
        print(f"The demo of {commit} runs; it takes a minute or more.", flush=True)
        _mlreg(code, home, "demo")
    shutil.rmtree(upgraded, ignore_errors=True)
    shutil.copytree(home, upgraded)
    before = _ask(code, home, 0)
    print(_mlreg(PROJECT, upgraded, "upgrade"), end="")
    after = _ask(PROJECT, upgraded, len(before["log"]))
    for name in before["versions"]:
        for root, place in ((code, home), (PROJECT, upgraded)):
            _mlreg(root, place, "retrain", "--verify", name)  # fails where scores differ
    differing = [name for name in before if before[name] != after[name]]
    print(
        f"Champion as of {QUESTIONS} random times, the moves of two aliases, the status of {len(before['versions'])} "
        f"versions, audit verify and {len(before['log'])} records: {', '.join(differing) or 'nothing'} differs."
    )
    print(f"The audit log is {before['tampering'] or 'intact'}. Trained again, versions score the same with both.")
    sys.exit(1 if differing or before["tampering"] else 0)


def _ask(code: Path, home: Path, records: int) -> dict[str, Any]:
    command = [sys.executable, "-c", ASK, str(home), str(QUESTIONS), str(records)]
    return json.loads(_output(command, code, home))


def _mlreg(code: Path, home: Path, *arguments: str) -> str:
    return _output([sys.executable, "-m", "mlreg_dagster.cli", *arguments], code, home)


def _output(command: list[str], code: Path, home: Path) -> str:
    """What a process of one of the two releases prints; Python looks for modules in the current folder first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLREG_", "DAGSTER_"))}
    environment = kept | {"PYTHONPATH": str(code), "MLREG_HOME": str(home)}
    return subprocess.run(command, check=True, cwd=code, env=environment, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
