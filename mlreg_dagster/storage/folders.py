"""Folders on the local disk or on anything that fsspec knows, named by users; nothing is made here."""

import os
from typing import Any

from upath import UPath

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.redaction import shown_url

_S3 = {"s3", "s3a"}
_OBJECT_STORES = _S3 | {"abfs", "abfss", "az", "gcs", "gs"}


class UnknownPlace(MlregError):
    """A folder or URL that nothing here can open."""


def open_folder(root: UPath | str) -> UPath:
    """The folder that a path or URL names.

    Raises:
        UnknownPlace: It names no kind of store that is known here, or one whose package is not installed.
    """
    try:
        place = UPath(root).absolute()
        if options := _options(place.protocol):
            place = UPath(place, **options)
        place.fs  # noqa: B018 - a missing package is reported now
        if "://" in str(root) and not place.protocol:
            raise ValueError("its beginning is no protocol")
    except (ValueError, ImportError) as error:
        raise UnknownPlace(
            f"{shown_url(str(root))}: {str(error).rstrip('.')}. Name a folder or a URL that fsspec knows "
            f"(s3://bucket/folder, gs://…, file:///…), and install the package that it needs."
        ) from error
    return place


def _options(protocol: str) -> dict[str, Any]:
    """How object stores are asked: listings are not remembered, as other hosts write, and no answer is waited for long.

    Without these botocore and s3fs multiply their attempts to minutes.
    """
    if protocol not in _OBJECT_STORES:
        return {}
    options: dict[str, Any] = {"use_listings_cache": False}
    if protocol in _S3:
        options["config_kwargs"] = {
            "connect_timeout": 3,
            "read_timeout": 15,
            "retries": {"mode": "standard", "total_max_attempts": 2},
        }
        if (region := os.environ.get("AWS_REGION")) and "AWS_DEFAULT_REGION" not in os.environ:
            options["client_kwargs"] = {"region_name": region}  # botocore knows the other variable alone
    return options


def is_local(place: UPath) -> bool:
    """Whether it lies on the local disk."""
    return place.protocol in {"", "file", "local"}
