"""What is registered, and how it is found again."""

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.registry import InvalidRecord, Registry, UnknownVersion, VersionExists, version_number
from mlreg_dagster_tests.registry.builders import START, move, register, sha


class TestVersions:
    def test_a_version_comes_back_as_it_was_registered(self, registry_url):
        created = pd.Timestamp("2017-12-31 23:59:59.123456", tz="UTC")
        written = register(Registry(registry_url), "v1", created_at=created)
        read = Registry(registry_url).version("v1")
        assert read == written
        assert read.manifest == {"features": ["b", "a"], "seed": 42, "clip": None}
        assert list(read.manifest) == ["features", "seed", "clip"]
        assert (read.artifact_sha256, read.run_id) == (sha("v1"), "run-1")
        assert read.created_at == created
        assert type(read.created_at) is datetime
        assert str(pd.DatetimeIndex([read.created_at]).dtype) == "datetime64[us, UTC]"

    def test_times_of_any_zone_are_kept_as_the_same_moment_in_utc(self, registry_url):
        tokyo = datetime(2018, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))
        version = register(Registry(registry_url), "v1", created_at=tokyo)
        assert version.created_at == datetime(2018, 1, 1, tzinfo=UTC)
        assert version.created_at.tzinfo is UTC

    def test_a_time_without_a_zone_is_refused(self, registry_url):
        with pytest.raises(InvalidRecord, match="no time zone"):
            register(Registry(registry_url), "v1", created_at=datetime(2018, 1, 1))

    def test_a_name_is_never_reused(self, registry):
        with pytest.raises(VersionExists, match=r"v2 is registered already.*next free name is v5"):
            register(registry, "v2", artifact_sha256=sha("other bytes"))
        assert registry.version("v2").artifact_sha256 == sha("v2")

    def test_names_of_another_form_are_refused(self, registry_url):
        registry = Registry(registry_url)
        for name in ["", "v", "v0", "v01", "V1", "1", "v1 ", "v1\n", "v-1", "latest", "v٣", "v1234567890"]:
            with pytest.raises(InvalidRecord, match="not the name of a version"):
                register(registry, name)
        assert registry.versions() == []

    @pytest.mark.parametrize("field", ["artifact_sha256", "dataset_sha256"])
    def test_hashes_of_another_form_are_refused(self, registry_url, field):
        registry = Registry(registry_url)
        for value in ["", "abc", sha("x").upper(), sha("x") + "0"]:
            with pytest.raises(InvalidRecord, match=field):
                register(registry, "v1", **{field: value})
        assert registry.versions() == []

    @pytest.mark.parametrize("manifest", [{"score": float("nan")}, {"when": object()}])
    def test_a_manifest_that_is_no_json_is_refused(self, registry_url, manifest):
        registry = Registry(registry_url)
        with pytest.raises(InvalidRecord, match="JSON"):
            register(registry, "v1", manifest=manifest)
        assert registry.versions() == []

    def test_next_version_counts_as_numbers_do(self, registry_url):
        registry = Registry(registry_url)
        assert registry.next_version() == "v1"
        for name in ("v9", "v10", "v2"):
            register(registry, name)
        assert registry.next_version() == "v11"
        assert registry.next_version(also_taken=["v11", "v3", "not a version"]) == "v12"
        assert [version.version for version in registry.versions()] == ["v2", "v9", "v10"]

    def test_an_unknown_version_is_answered_with_what_exists(self, registry):
        for ask in (registry.version, registry.evaluations, registry.latest_evaluation, registry.status):
            with pytest.raises(UnknownVersion, match=r"v7 is not registered.*v1, v2, v3, v4"):
                ask("v7")

    def test_version_number(self):
        assert version_number("v10") == 10


class TestResolve:
    def test_latest_is_the_highest_number_not_the_last_text(self, registry):
        register(registry, "v10")
        register(registry, "v9")
        assert registry.resolve("latest").version == "v10"
        assert registry.resolve("latest-0").version == "v10"
        assert registry.resolve("latest-1").version == "v9"
        assert registry.resolve("latest-5").version == "v1"
        assert registry.resolve("v3").version == "v3"

    def test_what_leads_nowhere_is_answered_with_what_exists(self, registry):
        for spec in ["latest-4", "v5", "nobody", "", "latest-x", "latest--1", "V1", "v1; DROP TABLE"]:
            with pytest.raises(UnknownVersion, match="v1, v2, v3, v4"):
                registry.resolve(spec)

    def test_nothing_registered(self, registry_url):
        with pytest.raises(UnknownVersion, match="Registered versions: none"):
            Registry(registry_url).resolve("latest")

    def test_an_alias_is_asked_as_of(self, registry):
        move(registry, "v1", None, START)
        move(registry, "v2", "v1", START + 5 * HOUR)
        assert registry.resolve("champion").version == "v2"
        assert registry.resolve("champion", as_of=START + 4 * HOUR).version == "v1"
        with pytest.raises(UnknownVersion, match=r"held as of 2017-12-19 23:00.*Aliases: champion"):
            registry.resolve("champion", as_of=START - HOUR)
