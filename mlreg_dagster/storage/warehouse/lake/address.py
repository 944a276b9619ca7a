"""Reads the address of a lake: where its catalog is, and where its files are.

An address may hold the password of the catalog, so none is ever shown as it was written.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from mlreg_dagster.config.places import TABLES
from mlreg_dagster.config.section import ConfigError

_SCHEME = "ducklake:"
_SHAPE = "Write ducklake:postgresql://user@host/database#s3://bucket/folder, or #/folder for one on a shared disk."
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class LakeAddress:
    """Where a lake is.

    Attributes:
        catalog: The URL of the PostgreSQL database that is the catalog; it may hold a password.
        data_path: The folder of the Parquet files, on a disk or in a bucket; it ends in `/`.
        shown: The whole address for messages, without a password.
    """

    catalog: str = field(repr=False)
    data_path: str
    shown: str

    def __str__(self) -> str:
        """The address without a password."""
        return self.shown

    @property
    def is_object_store(self) -> bool:
        """Whether the files are in a bucket."""
        return self.data_path.startswith("s3://")


def read_address(text: str) -> LakeAddress:
    """The lake that MLREG_TABLES names.

    Args:
        text: `ducklake:postgresql://user@host:port/database?options#data path`.

    Raises:
        ConfigError: The text can't be meant; the message shows nothing of it that may be a password.
    """
    if not text.startswith(_SCHEME):
        raise _refused("does not begin with ducklake:")
    if any(not letter.isprintable() or letter.isspace() for letter in text.partition("#")[0]):
        raise _refused("has a blank or an invisible letter in the address of its catalog")
    catalog, mark, data_path = text.removeprefix(_SCHEME).partition("#")
    if not mark or not data_path:
        raise _refused("does not say after a # where the Parquet files are")
    shown = _checked_catalog(catalog)
    data_path = _checked_path(data_path)
    return LakeAddress(catalog, data_path, f"{_SCHEME}{shown}#{data_path}")


def _checked_catalog(catalog: str) -> str:
    """The URL of a catalog as messages show it."""
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    if not catalog.startswith(("postgresql://", "postgresql+psycopg://")):
        raise _refused("names no catalog in PostgreSQL (postgresql://)")
    try:
        url = make_url(catalog)
        _ = urlsplit(catalog).port
    except (ArgumentError, ValueError):
        raise _refused("has an address of the catalog that can't be read") from None  # whose cause may show it
    if not url.database:
        raise _refused("names no database for the catalog")
    if any("passw" in option.lower() for option in url.query if option != "passfile"):
        raise _refused("has a password among its options, where messages would show it; write user:password@host")
    shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    return shown.render_as_string()


def _checked_path(text: str) -> str:
    if any(not letter.isprintable() for letter in text):
        raise _refused("has an invisible letter in the place of the files")
    if text.startswith("s3://"):
        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise _refused("names no bucket of an object store that can be meant (s3://bucket/folder)")
        parts = [part for part in prefix.split("/") if part]
        if any(part in {".", ".."} or set(part) & set("?#*[{") for part in parts):
            raise _refused("names a folder in the bucket with ?, #, *, [, {, . or .. in it")
        return "/".join(["s3:/", bucket, *parts, ""])
    if "://" in text:
        raise _refused("keeps its files at a place that is neither a folder nor s3://")
    path = PurePosixPath(os.path.normpath(text))
    if not text.startswith("/") or ".." in PurePosixPath(text).parts:
        raise _refused("names the folder of the files by a relative path, which each process would take from its own")
    return f"/{str(path).strip('/')}/" if path != PurePosixPath("/") else _root()


def _root() -> str:
    raise _refused("keeps its files in the root of the disk")


def _refused(why: str) -> ConfigError:
    return ConfigError(f"{TABLES} {why}. {_SHAPE}")
