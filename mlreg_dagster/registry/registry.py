"""The registry as a whole: versions, decisions, aliases, rollouts, policies, drift, alerts, incidents and their log."""

from pathlib import Path

from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.copying import copy_to_file, load_file
from mlreg_dagster.registry.migrations.schemas import SchemaUpgrade
from mlreg_dagster.registry.mixins.alerts import Alerts
from mlreg_dagster.registry.mixins.corrections import Corrections
from mlreg_dagster.registry.mixins.decisions import Decisions
from mlreg_dagster.registry.mixins.drift import Drift
from mlreg_dagster.registry.mixins.evaluations import Evaluations
from mlreg_dagster.registry.mixins.incidents import Incidents
from mlreg_dagster.registry.mixins.log import Log
from mlreg_dagster.registry.mixins.people import People
from mlreg_dagster.registry.mixins.policies import FirstPolicy, Policies, add_first_policy
from mlreg_dagster.registry.mixins.suspensions import Suspensions
from mlreg_dagster.registry.mixins.traffic import Traffic
from mlreg_dagster.registry.mixins.versions import Versions


class Registry(
    Versions, Evaluations, Decisions, Corrections, Policies, Traffic, Suspensions, Drift, Alerts, Incidents, People, Log
):
    """The registry in one database; nothing in it is ever changed or deleted, but for the names of people.

    Every method raises `RegistryUnavailable` when the database can't be reached, the errors of `storage.faults`
    when its disk or file is at fault, `RegistryDamaged` when a row can't be read, and `SchemaMismatch` when another
    release made it: `upgrade` brings that of an older one to the present schema.

    Args:
        url: `sqlite:////path/registry.db` or `postgresql://user@host/name`. Nothing is opened or made before
            the first question.
        first_policy: Gives the policy that a registry begins with when it is made or upgraded, and the current time.
            None: it begins without; see `record_first_policy`.
    """

    def __init__(self, url: str, first_policy: FirstPolicy | None = None) -> None:
        self._database = Database(
            url, (lambda connection: add_first_policy(connection, *first_policy())) if first_policy else None
        )

    def upgrade(self, *, copied: bool = False) -> SchemaUpgrade:
        """Bring a registry of an older release to the present schema; see `Database.upgrade`."""
        return self._database.upgrade(copied=copied)

    @property
    def is_on_server(self) -> bool:
        """Whether it is in PostgreSQL."""
        return self._database.url.get_backend_name() == "postgresql"

    def copy_to(self, file: Path) -> None:
        """Copy all of it, as of one moment, into an SQLite file that is not there yet; see `copy_to_file`."""
        copy_to_file(self._database, file)

    def load_from(self, file: Path) -> None:
        """Fill an empty registry with all of an SQLite file's, in one transaction; see `load_file`."""
        load_file(file, self._database)
