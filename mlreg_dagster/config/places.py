"""Where a home keeps what: one place for the names of its files, and for the variables that name other places.

Nothing is opened or made here.
"""

import os
from pathlib import Path

REGISTRY, ARTIFACTS = "MLREG_REGISTRY", "MLREG_ARTIFACTS"
"""Environment variables that name a registry and a folder of artifacts elsewhere, as URLs."""


def registry_url(home: Path) -> str:
    """The SQLAlchemy URL of the registry: what MLREG_REGISTRY names, else the file in the home."""
    from sqlalchemy import URL  # which those who only ask for the home do without

    own = URL.create("sqlite", database=str(registry_file(home)))
    return os.environ.get(REGISTRY) or own.render_as_string(hide_password=False)


def artifacts_root(home: Path) -> str:
    """The folder or URL of the artifacts: what MLREG_ARTIFACTS names, else the folder in the home."""
    return os.environ.get(ARTIFACTS) or str(home / "artifacts")


def registry_file(home: Path) -> Path:
    """The registry of a home that keeps it itself."""
    return home / "registry.sqlite"


def warehouse_file(home: Path) -> Path:
    """The file of the tables."""
    return home / "warehouse.duckdb"
