"""Folders on the local disk or on anything that fsspec knows, named by users; nothing is made here."""

from upath import UPath

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.redaction import shown_url


class UnknownPlace(MlregError):
    """A folder or URL that nothing here can open."""


def open_folder(root: UPath | str) -> UPath:
    """The folder that a path or URL names.

    Raises:
        UnknownPlace: It names no kind of store that is known here, or one whose package is not installed.
    """
    try:
        place = UPath(root).absolute()
        place.fs  # noqa: B018 - a missing package is reported now
        if "://" in str(root) and not place.protocol:
            raise ValueError("its beginning is no protocol")
    except (ValueError, ImportError) as error:
        raise UnknownPlace(
            f"{shown_url(str(root))}: {str(error).rstrip('.')}. Name a folder or a URL that fsspec knows "
            f"(s3://bucket/folder, gs://…, file:///…), and install the package that it needs."
        ) from error
    return place


def is_local(place: UPath) -> bool:
    """Whether it lies on the local disk."""
    return place.protocol in {"", "file", "local"}
