"""An empty folder of configs."""

from pathlib import Path

import pytest


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    folder.mkdir()
    return folder
