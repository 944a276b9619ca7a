"""Where a home keeps what: one place for the names of its files, and for the variables that name other places.

Nothing is opened or made here.
"""

import os
from pathlib import Path

REGISTRY, ARTIFACTS = "MLREG_REGISTRY", "MLREG_ARTIFACTS"
"""Environment variables that name a registry and a folder of artifacts elsewhere, as URLs."""


def registry_url(home: Path) -> str:
    """The SQLAlchemy URL of the registry: what MLREG_REGISTRY names, else that of the file in the home."""
    return os.environ.get(REGISTRY) or own_registry_url(home)


def own_registry_url(home: Path) -> str:
    """The SQLAlchemy URL of the registry of a home that keeps it itself."""
    from sqlalchemy import URL  # which those who only ask for the home do without

    return URL.create("sqlite", database=str(home / "registry.sqlite")).render_as_string(hide_password=False)


def artifacts_root(home: Path) -> str:
    """The folder or URL of the artifacts: what MLREG_ARTIFACTS names, else the folder in the home."""
    return os.environ.get(ARTIFACTS) or str(home / "artifacts")


def warehouse_file(home: Path) -> Path:
    """The file of the tables."""
    return home / "warehouse.duckdb"
