"""Artifacts on anything that fsspec knows, such as an object store.

There is no lock: a key must have one writer at a time. The sums are written last, and without them there is no bundle.
"""

from collections.abc import Mapping

from mlreg_dagster.storage.artifacts.bundles import Bundles


class RemoteArtifactStore(Bundles):
    """A folder on an object store, or in memory."""

    def _require_folders(self, *parts: str) -> None:
        """Object stores have neither links nor pipes."""

    def _write(self, kind: str, key: str, contents: Mapping[str, bytes]) -> None:
        folder = self._folder(kind, key)
        if folder.is_dir():
            for remains in folder.iterdir():
                remains.unlink()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
