"""The runbook names errors that exist, in the words that they use, and leads to chapters that are there."""

import importlib
import re

import typer

from mlreg_dagster.cli.app import app
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster_tests.faults import wording
from mlreg_dagster_tests.repository import PROJECT_DIR

RUNBOOK = (PROJECT_DIR / "docs" / "runbook.md").read_text(encoding="utf-8")
ROWS = [line.split("|") for line in RUNBOOK.splitlines() if line.startswith("| `") and "](#" in line]


def _subclasses(cls):
    return {cls.__name__} | {name for each in cls.__subclasses__() for name in _subclasses(each)}


def test_every_error_it_names_exists():
    for module in (
        "governance.audit_export.witnesses",
        "storage.artifacts",
        "registry",
        "storage.warehouse.guarded_file",
        "storage.warehouse.warehouse",
        "orchestration.locks.daemon",
        "orchestration.locks.lifecycle",
        "orchestration.partitions",
        "operations.doctor.materializations",
        "operations.upgrade",
        "operations.backup.restoring",
        "operations.backup.creation",
        "market.sources.base",
        "orchestration.instance.upstream",
        "serving.app.process",
        "incidents.what_if",
    ):
        importlib.import_module(f"mlreg_dagster.{module}")
    named = {name for *_, errors, _, _ in ROWS for name in re.findall(r"`(\w+)`", errors)}
    assert len(named) >= 9
    assert named <= _subclasses(MlregError)


def test_it_quotes_what_the_errors_say():
    text = " ".join(RUNBOOK.split())
    assert [phrase for phrase in wording.ALL if phrase not in text] == []


def test_every_message_leads_to_its_chapter():
    chapters = {re.sub(r"[^a-z0-9 ]", "", line[3:].lower()).replace(" ", "-") for line in _headings()}
    linked = {link for *_, chapter, _ in ROWS for link in re.findall(r"\(#([a-z0-9-]+)\)", chapter)}
    assert len(linked) >= 10
    assert linked == chapters


def _headings():
    return [line for line in RUNBOOK.splitlines() if line.startswith("## ")]


def test_the_commands_that_it_names_exist():
    commands = typer.main.get_command(app).commands
    call = r"mlreg ([a-z]+(?:-[a-z]+)*)((?: [a-z]\w*)*)((?: --[a-z-]+(?: \S+)?)*)"
    named = re.findall(call, " ".join(RUNBOOK.split()))
    assert {"doctor", "prune", "correct", "restore"} <= {name for name, _, _ in named}
    for name, words, options in named:
        command = commands[name]
        if name in {"audit", "backup", "incident", "people", "rollout"}:
            command = command.commands[words.split()[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", options)) <= known, name
