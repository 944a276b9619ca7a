"""Versions: registering them, and finding the one that a specifier means."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.schema import model_versions
from mlreg_dagster.registry.errors import UnknownVersion, VersionExists
from mlreg_dagster.registry.mixins.aliases import Aliases
from mlreg_dagster.registry.names import (
    as_utc,
    check_not_blank,
    check_sha256,
    is_version,
    listed,
    steps_before_latest,
    version_number,
)
from mlreg_dagster.registry.records.models import Attribution, ModelVersion


class Versions(Aliases):
    """The part of the registry that holds versions."""

    def register(
        self,
        version: str,
        by: Attribution,
        *,
        detector: str,
        dataset_day: str,
        dataset_sha256: str,
        artifact_sha256: str,
        manifest: Mapping[str, Any],
    ) -> ModelVersion:
        """Add a version that `by` trained; the other arguments are the fields of `ModelVersion`.

        Raises:
            InvalidRecord: A name or hash of another form, or a manifest that is no JSON.
            VersionExists: The name is taken.
        """
        by = by.checked_without_reason()
        check_not_blank(detector=detector, dataset_day=dataset_day)
        check_sha256("dataset_sha256", dataset_sha256)
        check_sha256("artifact_sha256", artifact_sha256)
        number = version_number(version)
        with self._database.writing() as connection:
            try:
                return queries.append(
                    connection,
                    ModelVersion,
                    model_versions,
                    number=number,
                    version=version,
                    created_at=by.time,
                    created_by=by.actor,
                    run_id=by.run_id,
                    detector=detector,
                    dataset_day=dataset_day,
                    dataset_sha256=dataset_sha256,
                    artifact_sha256=artifact_sha256,
                    manifest=dict(manifest),
                )
            except IntegrityError as error:
                raise VersionExists(
                    f"{version} is registered already, and names are never reused. "
                    f"The next free name is {self.next_version()}."
                ) from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all others from writing meanwhile, here and on other hosts: to take the next version and note it.

        Nothing may be written to the registry within it.

        Raises:
            RegistryUnavailable: The registry can't be reached, or another process kept it.
            RegistryReadOnly: The server or the user may only read.
        """
        with self._database.writing():
            yield

    def next_version(self, also_taken: Iterable[str] = ()) -> str:
        """The name after the highest one.

        Args:
            also_taken: Names given away elsewhere; those that are no names of versions don't matter.
        """
        taken = [*self._names(), *(name for name in also_taken if is_version(name))]
        return f"v{max(map(version_number, taken), default=0) + 1}"

    def versions(self) -> list[ModelVersion]:
        """All versions, from v1 up."""
        with self._database.reading() as connection:
            return queries.all_versions(connection)

    def version(self, name: str) -> ModelVersion:
        """One version.

        Raises:
            UnknownVersion: It is not registered; the message lists what is.
        """
        with self._database.reading() as connection:
            return queries.version_named(connection, name)

    def resolve(self, spec: str, as_of: datetime | None = None) -> ModelVersion:
        """The version that a specifier means.

        Args:
            spec: `v7`, `latest`, `latest-1`, or an alias. The latest has the highest number, whatever its
                status.
            as_of: For an alias, the time whose holder is meant; None: now.

        Raises:
            UnknownVersion: It leads to no version; the message lists what exists.
        """
        steps = steps_before_latest(spec)
        if steps is not None:
            names = self._names()
            if steps >= len(names):
                raise UnknownVersion(f"There is no {spec}. Registered versions: {listed(names)}.")
            return self.version(names[-1 - steps])
        if is_version(spec):
            return self.version(spec)
        move = self.holder(spec, as_of)
        if move is None:
            when = "" if as_of is None else f" as of {as_utc(as_of)}"
            raise UnknownVersion(
                f"{spec!r} is no version, and no alias that anyone held{when}. Write v7, latest, latest-1 or "
                f"an alias. Registered versions: {listed(self._names())}. Aliases: {listed(self.aliases())}."
            )
        return self.version(move.version)

    def _names(self) -> list[str]:
        with self._database.reading() as connection:
            return list(queries.version_names(connection))
