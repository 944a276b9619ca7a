"""The registry on SQLite and on PostgreSQL: how it is opened, and who wins."""

import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import Registry, RegistryUnavailable, SchemaMismatch
from mlreg_dagster.registry.database.schema import SCHEMA_VERSION
from mlreg_dagster.storage.faults import StorageDamaged
from mlreg_dagster_tests.registry.builders import evaluate, move, register
from mlreg_dagster_tests.registry.racing import promote, race, register_next


class TestRaces:
    def test_of_sixteen_promotions_one_wins(self, registry_url):
        registry = Registry(registry_url)
        for number in range(1, 18):
            register(registry, f"v{number}")
            evaluate(registry, f"v{number}")
        move(registry, "v1", None)
        outcomes = race(promote, [(registry_url, f"v{number}") for number in range(2, 18)])

        winners = [version for version, outcome, _ in outcomes if outcome == "done"]
        assert len(winners) == 1
        losers = [(outcome, text) for _, outcome, text in outcomes if outcome != "done"]
        assert {outcome for outcome, _ in losers} == {"AliasConflict"}
        assert all(f"{winners[0]} holds it" in text and f"racer of {winners[0]}" in text for _, text in losers)
        history = registry.history("champion")
        assert [(event.sequence, event.previous_version, event.version) for event in history] == [
            (1, None, "v1"),
            (2, "v1", winners[0]),
        ]
        assert registry.holder("champion") == history[-1]

    def test_a_new_database_is_made_once_and_a_name_given_once(self, registry_url):
        outcomes = race(register_next, [(registry_url, f"racer {number}") for number in range(8)])
        winners = [name for name, outcome, _ in outcomes if outcome == "done"]
        assert sorted(outcome for _, outcome, _ in outcomes) == ["VersionExists"] * 7 + ["done"]
        assert [version.created_by for version in Registry(registry_url).versions()] == winners


class TestOpening:
    def test_nothing_is_made_before_the_first_question(self, tmp_path):
        registry = Registry(f"sqlite:///{tmp_path}/home/registry.db")
        assert list(tmp_path.iterdir()) == []
        assert registry.versions() == []
        assert (tmp_path / "home" / "registry.db").exists()

    def test_another_schema_is_refused(self, registry_url, raw):
        raw.exec_driver_sql("DROP TABLE schema_version")
        raw.exec_driver_sql("CREATE TABLE schema_version (version INTEGER)")
        raw.exec_driver_sql("INSERT INTO schema_version VALUES (99)")
        with pytest.raises(SchemaMismatch, match=f"has schema 99, this release needs {SCHEMA_VERSION}"):
            Registry(registry_url).versions()

    def test_tables_of_someone_else_are_not_taken_for_ours(self, postgres_url):
        engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE evaluations (id INTEGER)")
        with pytest.raises(RegistryUnavailable, match="already exists"):
            Registry(postgres_url).versions()

    @pytest.mark.parametrize("url", ["", "no url", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "sqlite:///"])
    def test_an_impossible_url_is_refused(self, url):
        with pytest.raises(RegistryUnavailable, match="sqlite"):
            Registry(url)

    def test_no_password_in_messages(self, tmp_path):
        registry = Registry(f"postgresql://ann:secret@/db?host={tmp_path}")
        with pytest.raises(RegistryUnavailable) as refusal:
            registry.versions()
        assert "secret" not in str(refusal.value)

    def test_a_file_that_is_no_database(self, tmp_path):
        (tmp_path / "registry.db").write_text("hello, this is a text file, not a database at all")
        with pytest.raises(StorageDamaged, match="not a database"):
            Registry(f"sqlite:///{tmp_path}/registry.db").versions()
