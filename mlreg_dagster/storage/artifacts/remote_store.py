"""Artifacts on an object store: any number of hosts write, without a lock.

A bundle's files lie in `<kind>/<key>/<hash of its sums>/`, so two writers of different bytes never touch the same
object. `<kind>/<key>/SHA256SUMS` is put last, only where there is none: the writer that puts it has frozen the bundle.
Until then there is no bundle, and what a dead or a beaten writer leaves is referenced by nothing.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime

from upath import UPath

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.storage.artifacts.base import SUMS, Artifact, ArtifactFrozen, ArtifactTampered
from mlreg_dagster.storage.artifacts.bundles import LARGEST_FILE, LARGEST_SUMS, NAME, Bundles, check_names
from mlreg_dagster.storage.objects import Objects, Stored
from mlreg_dagster.storage.regular_files import OddFile


class RemoteArtifactStore(Bundles):
    """A folder on an object store, or in memory; of several writers of one key one wins.

    Bundles that older releases wrote, with the files beside the sums, are read, too.

    Args:
        root: The folder, as `open_folder` gives it.
    """

    def __init__(self, root: UPath) -> None:
        super().__init__(root)
        self._objects = Objects(root)

    def keys(self, kind: str) -> list[str]:
        """The keys of all bundles of a kind, in the order of text."""
        check_names(kind)
        parts = (key.split("/") for key in self._objects.listed(kind))
        return sorted(key for _, key, *rest in parts if rest == [SUMS] and NAME.fullmatch(key))

    def kinds(self) -> list[str]:
        """The kinds of bundles that may be there, in the order of text."""
        return [name for name in self._objects.folders() if not name.startswith(".")]

    def remains(self, older_than: datetime) -> list[str]:
        """Objects that no bundle refers to, of writers that died or were beaten, by their keys below the root.

        Args:
            older_than: What a bundle has of them is left out where any of it is younger: it may still be written.
        """
        of_bundles: dict[tuple[str, ...], dict[str, Stored]] = {}
        for key, stored in self._objects.listed().items():
            parts = key.split("/")
            if len(parts) > 2 and all(map(NAME.fullmatch, parts[:2])):
                of_bundles.setdefault(tuple(parts[:2]), {})[key] = stored
        return sorted(
            each for (kind, key), found in of_bundles.items() for each in self._loose(kind, key, found, older_than)
        )

    def remove_remains(self, older_than: datetime) -> list[str]:
        """Remove what `remains` finds, if it is still found just before; gives what is gone."""
        gone = []
        for place in sorted({"/".join(each.split("/")[:2]) for each in self.remains(older_than)}):
            found = self._objects.listed(place)
            kind, key = place.split("/")
            loose = self._loose(kind, key, found, older_than)
            self._objects.remove(loose)
            gone += loose
        return gone

    def _loose(self, kind: str, key: str, found: Mapping[str, Stored], older_than: datetime) -> list[str]:
        sums, place = self._read_sums(kind, key), f"{kind}/{key}"
        loose = found.keys() - {f"{place}/{SUMS}"}
        if sums is not None:
            try:
                artifact = self._artifact(kind, key, sums)
            except ArtifactTampered:
                return []  # damaged: all of it may be needed
            under = f"{place}/{artifact.sha256}/"
            own = {each for each in loose if each.startswith(under)}
            loose -= own or {f"{place}/{name}" for name in artifact.files}
        times = [found[each].modified for each in loose]
        return sorted(loose) if all(time is not None and time < older_than for time in times) else []

    def _explained(self, place: str) -> AbstractContextManager[None]:  # noqa: ARG002 - each object's name is said
        return nullcontext()

    def _read_sums(self, kind: str, key: str) -> bytes | None:
        check_names(kind, key)
        try:
            return self._objects.read(f"{kind}/{key}/{SUMS}", LARGEST_SUMS)
        except FileNotFoundError:
            return None
        except OddFile as error:
            raise ArtifactTampered(f"{error} The bundle {kind}/{key} can't be there.") from error

    def _listed(self, artifact: Artifact) -> Mapping[str, str]:
        """Under the hash of the sums, or beside them, as older releases put the files."""
        place = f"{artifact.kind}/{artifact.key}"
        under = f"{place}/{artifact.sha256}"
        found = self._objects.listed(under)
        if found:
            place = under
        else:
            found = self._objects.listed(place)
        for key, stored in found.items():
            if stored.size > LARGEST_FILE:
                raise ArtifactTampered(f"{self.root}/{key} has {stored.size:,} bytes, and at most {LARGEST_FILE:,}.")
        return {key.removeprefix(f"{place}/").split("/")[0]: key for key in found}

    def _contents(self, artifact: Artifact, files: Mapping[str, str]) -> Iterable[tuple[str, bytes | None]]:  # noqa: ARG002
        found = self._objects.read_all(files.values())
        return [(name, found.get(key)) for name, key in files.items()]

    def _write(self, kind: str, key: str, contents: Mapping[str, bytes]) -> None:
        files, sums = {name: content for name, content in contents.items() if name != SUMS}, contents[SUMS]
        place = f"{kind}/{key}/{_digest(sums)}"
        self._objects.put({f"{place}/{name}": content for name, content in files.items()})
        if not self._objects.create(f"{kind}/{key}/{SUMS}", sums):
            try:
                self.is_frozen(kind, key, files)
            except ArtifactFrozen:
                with suppress(MlregError):  # tidy finds it
                    self._objects.remove([f"{place}/{name}" for name in files])
                raise
        # Another host may have tidied away what an older attempt had left under the same hash.
        there = self._objects.listed(place)
        if lost := {f"{place}/{name}" for name in files} - there.keys():
            self._objects.put({each: files[each.rpartition("/")[2]] for each in lost})


def _digest(sums: bytes) -> str:
    return hashlib.sha256(sums).hexdigest()
