"""What a branch and production hold differently: read from both, changed in neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlreg_dagster.config import Settings
from mlreg_dagster.config.places import registry_url
from mlreg_dagster.operations.branches.creation import section_hashes
from mlreg_dagster.operations.branches.finding import Branch
from mlreg_dagster.operations.branches.record import TableState
from mlreg_dagster.operations.branches.tables import table_states
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster.storage.warehouse.opening import open_tables


@dataclass(frozen=True)
class Side:
    """One side of a difference: what the branch or production has, None where it has nothing."""

    branch: Any
    prod: Any


@dataclass(frozen=True)
class TableDifference:
    """A table that differs.

    Attributes:
        snapshot: What it held when the branch was made; None where it was not there.
        branch: What it holds in the branch.
        prod: What it holds in production.
    """

    snapshot: TableState | None
    branch: TableState | None
    prod: TableState | None


@dataclass(frozen=True)
class Comparison:
    """A branch against production.

    Attributes:
        name: Of the branch.
        made_at: The time of its snapshot.
        shares_log: Whether production still has the record that the branch began with; not so once an older copy of
            its registry was put back.
        versions: Those that differ in hash or status, or that one side lacks.
        aliases: Those that different versions hold.
        policy: Hash of the policy in force, where it differs; else None.
        records: Audit records since the snapshot, by kind.
        tables: Those that differ in rows, hours or newest hour.
        configs: Sections of the configuration that are others now than when the branch was made.
    """

    name: str
    made_at: datetime
    shares_log: bool
    versions: dict[str, Side]
    aliases: dict[str, Side]
    policy: Side | None
    records: dict[str, Side]
    tables: dict[str, TableDifference]
    configs: list[str]


def compare(home: Path, branch: Branch, settings: Settings) -> Comparison:
    """Compare a branch with the home that it was made of.

    Args:
        home: Production.
        branch: Which one.
        settings: The configuration in force.

    Raises:
        RegistryUnavailable, SchemaMismatch: A registry can't be read; one of an older release is upgraded first.
        WarehouseBusy: A process kept the tables of one side.
        StorageNotWritable, StorageDamaged: A file can't be read.
    """
    there, here = ReadOnlyRegistry(registry_url(branch.home)), ReadOnlyRegistry(registry_url(home))
    log = here.audit_log()
    at = branch.record.audit_sequence
    shares = at == 0 or (len(log) >= at and log[at - 1].hash == branch.record.audit_hash)
    policies = Side(_policy(there), _policy(here))
    return Comparison(
        name=branch.name,
        made_at=branch.made_at,
        shares_log=shares,
        versions=_differing(_versions(there), _versions(here)),
        aliases=_differing(_holders(there), _holders(here)),
        policy=None if policies.branch == policies.prod else policies,
        records=_differing(_counts(there, at + 1), _counts(here, at)),  # the branch's first record says what it is
        tables=_tables(branch, _states(branch.home), _states(home)),
        configs=_changed(branch.record.configs, section_hashes(settings)),
    )


def _differing(branch: Mapping[str, Any], prod: Mapping[str, Any]) -> dict[str, Side]:
    names = [*prod, *(name for name in branch if name not in prod)]
    return {name: Side(branch.get(name), prod.get(name)) for name in names if branch.get(name) != prod.get(name)}


def _versions(registry: Registry) -> dict[str, dict[str, str]]:
    return {
        each.version: {"status": registry.status(each.version), "artifact_sha256": each.artifact_sha256}
        for each in registry.versions()
    }


def _holders(registry: Registry) -> dict[str, str]:
    holders = {alias: registry.holder(alias) for alias in registry.aliases()}
    return {alias: holder.version for alias, holder in holders.items() if holder}


def _policy(registry: Registry) -> str | None:
    found = registry.policy_in_force()
    return found.content_sha256 if found else None


def _counts(registry: Registry, after: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in registry.audit_log()[after:]:
        counts[record.kind] = counts.get(record.kind, 0) + 1
    return counts


def _states(home: Path) -> dict[str, TableState]:
    with open_tables(home) as tables:
        return table_states(tables)


def _tables(
    branch: Branch, there: Mapping[str, TableState], here: Mapping[str, TableState]
) -> dict[str, TableDifference]:
    return {
        name: TableDifference(branch.record.tables.get(name), there.get(name), here.get(name))
        for name in sorted({*there, *here})
        if there.get(name) != here.get(name)
    }


def _changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
