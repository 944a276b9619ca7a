"""A small home with something of each kind, and a process that writes it as hourly runs do."""

import json
from datetime import UTC, datetime
from pathlib import Path

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.config.places import own_registry_url, warehouse_file
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.operations.backup.creation import create
from mlreg_dagster.operations.backup.restoring import restore_backup
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.registry.builders import register
from mlreg_dagster_tests.storage.warehouse.sample_table import FIRST, READINGS, rows

ANSWER = json.dumps({"answer": 1}) + "\n"
SEALED = "20260101T00_20260101T00_x.jsonl"


def add_version(home: Path, number: int, url: str | None = None) -> None:
    """Train a version: its dataset, its bundle, then its record, as a training does; `url` names the registry."""
    store, day = open_artifacts(str(home / "artifacts")), f"2026-01-{number % 28 + 1:02}"
    dataset = store.freeze("training_dataset", day, {"rows.parquet": day.encode()})
    model = store.freeze("models", f"v{number}", {"manifest.json": f"{number}".encode() * 1000})
    register(
        Registry(url or own_registry_url(home)),
        f"v{number}",
        dataset_day=day,
        dataset_sha256=dataset.sha256,
        artifact_sha256=model.sha256,
    )


def add_hour(home: Path, number: int, version: str) -> None:
    """Write an hour of rows that name a version, in its label."""
    hour = FIRST + number * HOUR
    DuckDBWarehouse(warehouse_file(home)).write(READINGS, rows([hour]).assign(label=version), [hour])


def make_home(home: Path) -> Path:
    """A version, two hours, a payload, and answers of a server: stored, sealed, and being written."""
    home.mkdir(parents=True)
    add_version(home, 1)
    add_hour(home, 0, "v1")
    add_hour(home, 1, "v1")
    for name, content in {
        "raw/coingecko/markets/2026-01-01/00/payload.gz": "payload",
        "served/open/1.jsonl": f"{ANSWER}{ANSWER}half a li",
        f"served/sealed/{SEALED}": f"{ANSWER}torn",
        "served/hours/20260101T00.parquet": "hour",
        "served/hours/20260101T01.draft": "draft",
        "served/counts/champion-1/1.jsonl": ANSWER,
        "dagster/dagster.yaml": "storage",
        "serving-keys.json": "{}",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)
    return home


def write_for_ever(home: Path, url: str | None = None) -> None:
    """Train a version and write an hour with it, again and again."""
    number = 2
    while True:
        add_version(home, number, url)
        add_hour(home, number, f"v{number}")
        number += 1


def back_up_for_ever(home: Path, folder: Path) -> None:
    """Make backups, one after the other."""
    while True:
        create(home, folder)


def restore_for_ever(backup: Path, folder: Path) -> None:
    """Put a backup in place, again and again, each time under the next number."""
    number = 0
    while True:
        while (folder / str(number)).exists():
            number += 1
        by = Attribution("anna", datetime.now(UTC), "an exercise")
        restore_backup(backup, folder / str(number), by, PromotionSettings())


def registry_in(home: Path) -> Registry:
    return Registry(own_registry_url(home))


def readings_in(home: Path):
    return DuckDBWarehouse(warehouse_file(home)).read(READINGS)
