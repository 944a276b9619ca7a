"""Errors of the registry; their messages are written where they are raised."""

from sqlalchemy.exc import DontWrapMixin

from mlreg_dagster.core.errors import MlregError, TransientError


class RegistryError(MlregError):
    """Any refusal of the registry; nothing was stored, but for `CommitUnanswered`."""


class RegistryUnavailable(RegistryError, TransientError):
    """The database can't be reached, stayed locked, or holds tables of another program."""


class RegistryBusy(RegistryUnavailable):
    """Another writer kept the registry for longer than the allowed wait."""


class CommitUnanswered(RegistryUnavailable):
    """The connection broke before the database confirmed a transaction, and it can't be asked again."""


class RegistryReadOnly(RegistryError):
    """A server, or a user, that may only read."""


class SchemaMismatch(RegistryError):
    """Another release made the database, or its tables are not those of the schema that it names."""


class SchemaOutdated(SchemaMismatch):
    """An older release made the database; `Registry.upgrade` brings it to the present schema."""


class BackupNeeded(RegistryError):
    """An upgrade of a database of which no copy can be made here, without confirmation that there is one."""


class RegistryNotEmpty(RegistryError):
    """A database that a copy is to be loaded into holds records."""


class RegistryDamaged(RegistryError, DontWrapMixin):
    """A row that can't be read: something other than this project wrote it."""


class RegistryTampered(MlregError):
    """The registry does not fit its audit log, or what was witnessed of it."""


class InvalidRecord(RegistryError, DontWrapMixin):
    """A name, hash, time or number that must not be stored as it is."""


class VersionExists(RegistryError):
    """The version's name is taken; names are never reused."""


class UnknownVersion(RegistryError):
    """A specifier that leads to no version."""


class GatesNotPassed(RegistryError):
    """The version was never evaluated, or its latest evaluation has failed gates."""


class AliasConflict(RegistryError):
    """The alias is held by another version than the caller believed."""


class AlreadyHolder(RegistryError):
    """The version holds the alias already."""


class EffectiveTimeError(RegistryError):
    """A move that would count from the future or from before the alias's last move, or be recorded before it."""


class RolloutConflict(RegistryError):
    """A rollout that is open already, or none is, or another change came first."""


class SuspensionConflict(RegistryError):
    """Another suspension or resumption of the alias came first."""


class AlreadySuspended(SuspensionConflict):
    """The alias is suspended: what was asked for is so."""


class NotSuspended(SuspensionConflict):
    """The alias is not suspended, so that it can't be resumed."""


class IncidentConflict(RegistryError):
    """Another event of the incident came first, or it is over already, or not yet."""
