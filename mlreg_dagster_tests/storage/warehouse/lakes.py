"""Lakes for tests: a catalog of their own each, with the files on a disk or in an object store."""

import uuid
from pathlib import Path

import sqlalchemy

from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse


def new_catalog(postgres_server: str) -> str:
    """The URL of a new, empty database for a catalog."""
    name = f"lake_{uuid.uuid4().hex}"
    engine = sqlalchemy.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    url = sqlalchemy.make_url(postgres_server).set(drivername="postgresql", database=name)
    return url.render_as_string(hide_password=False)


def lake_url(postgres_server: str, place: Path | str) -> str:
    """The address of a new lake with its files at a place."""
    return f"ducklake:{new_catalog(postgres_server)}#{place}"


def drop_all(tables: SqlWarehouse) -> None:
    """Leave a lake as it was made."""
    with tables.connect() as connection:
        for (name,) in connection.execute("SHOW TABLES").fetchall():
            connection.execute(f'DROP TABLE "{name}"')
