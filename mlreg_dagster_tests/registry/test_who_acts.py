"""Wherever an actor enters, the directory of people is asked first."""

import re

from mlreg_dagster_tests.repository import PROJECT_DIR

_RESOLVED_LATER = {
    "demo.py",
    "incident.py",
    "release.py",
    "rollout.py",
    "models.py",
    "backup.py",
    "people.py",
    "resources.py",
}
"""In the command line: what is handed on to the runner or to functions that look the name up themselves."""


def test_names_from_outside_are_looked_up():
    package = PROJECT_DIR / "mlreg_dagster"
    calls = [
        (file, line)
        for file in package.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"(?<!def )current_actor\(", line)
    ]
    assert len(calls) > 10
    for file, line in calls:
        by_cli = "cli" in file.parts and file.name in _RESOLVED_LATER
        assert "acting(current_actor(" in line or by_cli, f"{file}: {line.strip()}"
