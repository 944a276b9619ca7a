"""Loads the extensions of DuckDB that a lake needs, from the packages that are installed with the project.

Nothing is fetched: DuckDB's own INSTALL asks a server for a binary and runs it.
"""

import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb

from mlreg_dagster.core.errors import MlregError

CATALOG, FORMAT, OBJECT_STORE = "postgres_scanner", "ducklake", "httpfs"
"""The extensions: for PostgreSQL, for DuckLake, and for object stores."""


class ExtensionMissing(MlregError):
    """An extension of DuckDB is not installed, or was built for another version of it."""


def load(connection: duckdb.DuckDBPyConnection, names: tuple[str, ...]) -> None:
    """Load extensions into a database.

    Raises:
        ExtensionMissing: One is not installed, or does not fit this DuckDB.
    """
    files = [_file_of(name) for name in names]
    for name, file in zip(names, files, strict=True):
        try:
            connection.execute("LOAD '{}'".format(str(file).replace("'", "''")))
        except duckdb.Error as error:
            raise ExtensionMissing(
                f"DuckDB {duckdb.__version__} does not load its extension {name} from {file}: "
                f"{str(error).splitlines()[0]} {_REMEDY}"
            ) from error


_REMEDY = (
    'Install both at the versions that belong together: pip install "mlreg-dagster[lake]" (the lake needs DuckDB and '
    "its extensions at one version)."
)


def _file_of(name: str) -> Path:
    package = f"duckdb_extension_{name}"
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ExtensionMissing(
            f"The lake needs DuckDB's extension {name}, and the package {package.replace('_', '-')} is not installed. "
            f"{_REMEDY}"
        )
    file = Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not file.exists():
        raise ExtensionMissing(
            f"DuckDB has the version {duckdb.__version__}, and its extension {name} is of {_version_of(package)}: an "
            f"extension loads into the version alone that it was built for. {_REMEDY}"
        )
    return file


def _version_of(package: str) -> str:
    try:
        return f"version {version(package)}"
    except PackageNotFoundError:
        return "another version"
