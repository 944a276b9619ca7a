"""Folders for deployments: an empty one, and one in which the first day was run through already."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlreg_dagster_tests.drawing import drawing
from mlreg_dagster_tests.lifecycle import made_once
from mlreg_dagster_tests.location import Location

FIRST_DAY_OVER = "2026-01-02T00:30"
SECOND_DAY_OVER = "2026-01-03T00:30"


@contextmanager
def memory_folder() -> Iterator[Path]:
    """In memory where there is such a place: Dagster's SQLite waits for the disk several times at each event."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="mlreg-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)  # processes of a deployment may still write as they are killed


@pytest.fixture
def deployment_folder() -> Iterator[Path]:
    """The folder of one deployment."""
    with memory_folder() as made:
        yield made


@pytest.fixture(scope="session")
def made_first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first day was run through: its dataset is frozen, v1 is champion. What was run stands beside it."""
    with made_once(tmp_path_factory, "first_day") as (folder, made):
        if not made:
            with drawing(True):  # `mlreg verify` looks at its pictures
                ran = Location(folder, FIRST_DAY_OVER).settle()
            folder.with_name("first_day.txt").write_text("\n".join(ran))
    return folder


@pytest.fixture(scope="session")
def made_second_day(made_first_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first day, and the second one run through, too. What was run of it stands beside it."""
    with made_once(tmp_path_factory, "second_day") as (folder, made):
        if not made:
            shutil.copytree(made_first_day, folder)
            ran = Location(folder, SECOND_DAY_OVER).settle()
            folder.with_name("second_day.txt").write_text("\n".join(ran))
    return folder


@pytest.fixture
def first_day(made_first_day: Path, deployment_folder: Path) -> Path:
    """The first day once more, for one deployment."""
    return shutil.copytree(made_first_day, deployment_folder, dirs_exist_ok=True)
