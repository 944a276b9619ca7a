"""Names of people in backups: carried, verified, and erased again where they were erased since."""

import re
from datetime import UTC, datetime

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.operations.backup.creation import create
from mlreg_dagster.operations.backup.manifest import verify
from mlreg_dagster.operations.backup.restoring import restore_backup
from mlreg_dagster.registry import Attribution
from mlreg_dagster_tests.operations.backup.small_home import registry_in
from mlreg_dagster_tests.registry.builders import add_person

BY = Attribution("anna", datetime(2026, 2, 1, tzinfo=UTC), "the disk failed")


def test_a_backup_carries_the_directory_and_a_restore_erases_what_was_erased_since(home, tmp_path):
    registry = registry_in(home)
    anna, zoe = add_person(registry, "anna"), add_person(registry, "zoe quux")
    backup, _ = create(home, tmp_path / "backups")
    registry.erase_person(zoe, BY)
    verify(backup)
    restore_backup(backup, tmp_path / "as-it-was", BY, PromotionSettings())
    assert [person.name for person in registry_in(tmp_path / "as-it-was").people()] == ["anna", "zoe quux"]
    _, restored = restore_backup(backup, tmp_path / "other", BY, PromotionSettings(), erased=[zoe])
    other = registry_in(tmp_path / "other")
    assert [person.name for person in other.people()] == ["anna", None]
    assert (restored.actor, other.person_changes(zoe)[-1].actor) == (anna, anna)
    assert other.find_tampering() is None
    files = [file for file in (tmp_path / "other").rglob("*") if file.is_file()]
    assert not any(re.search(rb"quux", file.read_bytes()) for file in files)
