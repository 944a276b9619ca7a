"""`mlreg upgrade`: a home of an older release, its registry and its dagster.yaml, one step and no more."""

import json

import dagster as dg
import pytest

from mlreg_dagster.orchestration.locks.daemon import daemon_kept_out
from mlreg_dagster.orchestration.locks.lifecycle import alone_on
from mlreg_dagster.registry.database.schema import SCHEMA_VERSION
from mlreg_dagster.storage.homes import DAGSTER_YAML
from mlreg_dagster_tests.operations.conftest import content_of
from mlreg_dagster_tests.registry.migrations.old_registry import restore_dump

OLD_MODULE = "mlreg_dagster.orchestration.event_log"
NEW_MODULE = "mlreg_dagster.orchestration.dagster_internals.event_log"


@pytest.fixture
def old_home(own_home, dagster_home):
    """A home as the first release left it, with lines of its user in dagster.yaml."""
    restore_dump(own_home / "registry.sqlite")
    text = DAGSTER_YAML.replace(NEW_MODULE, OLD_MODULE) + f"# module: {OLD_MODULE}\r\nretention: {{}}\r\n"
    (dagster_home / "dagster.yaml").write_bytes(text.encode())
    return own_home


def test_an_older_home_is_refused_upgraded_and_works(mlreg, old_home, dagster_home):
    before = content_of(old_home)
    refused = mlreg("champion")
    assert refused.code == 1
    assert "has schema 2" in refused.err
    assert "mlreg upgrade" in refused.err
    findings = json.loads(mlreg("doctor", "--json").out)["findings"]
    assert [each["advice"] for each in findings if each["name"] == "registry" and each["state"] == "miss"] == [
        "mlreg upgrade"
    ]
    assert content_of(old_home) == before

    answer = mlreg("upgrade")
    assert answer.code == 0, answer
    (copy,) = old_home.glob("registry.sqlite.schema-2.*")
    assert f"from schema 2 to {SCHEMA_VERSION}. All 8 records" in answer.out
    assert str(copy) in answer.out
    expected = DAGSTER_YAML + f"# module: {OLD_MODULE}\r\nretention: {{}}\r\n"
    assert (dagster_home / "dagster.yaml").read_bytes() == expected.encode()
    with dg.DagsterInstance.get() as instance:
        assert type(instance.event_log_storage).__module__ == NEW_MODULE

    for hour, version in (("2026-01-16T12:00", "v1"), ("2026-01-20T00:00", "v2")):
        answer = mlreg("champion", "--as-of", hour, "--json")
        assert json.loads(answer.out)["moves"][0]["version"] == version
    assert mlreg("policy", "show").code == 0


@pytest.mark.usefixtures("old_home")
@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_module_in_quotes_is_brought_up_to_date_too(mlreg, dagster_home, quote):
    text = DAGSTER_YAML.replace(NEW_MODULE, f"{quote}{OLD_MODULE}{quote}")
    (dagster_home / "dagster.yaml").write_text(text)
    assert mlreg("upgrade").code == 0
    assert (dagster_home / "dagster.yaml").read_text() == text.replace(OLD_MODULE, NEW_MODULE)


def test_a_present_home_stays_as_it_is(on_trained, own_home, dagster_home):
    before = content_of(own_home), (dagster_home / "dagster.yaml").read_bytes()
    answer = on_trained("upgrade", "--json")
    assert answer.code == 0
    found = json.loads(answer.out)
    assert (found["schema_before"], found["schema_after"]) == (SCHEMA_VERSION, SCHEMA_VERSION)
    assert (found["backup"], found["dagster_yaml"]) == (None, None)
    after = {name: sha for name, sha in content_of(own_home).items() if not name.startswith("lifecycle.lock")}
    assert (after, (dagster_home / "dagster.yaml").read_bytes()) == before
    assert "Nothing is to be upgraded" in on_trained("upgrade").out


def test_a_home_that_is_not_there_is_not_made(mlreg, own_home):
    assert "There is no registry yet" in mlreg("upgrade").out
    assert not own_home.exists()


def test_a_home_at_work_is_left_alone(mlreg, old_home, dagster_home):
    before = content_of(old_home)
    with daemon_kept_out(dagster_home):
        answer = mlreg("upgrade")
    assert (answer.code, "nothing was changed. Stop it" in answer.err) == (1, True)
    with alone_on(old_home):
        answer = mlreg("upgrade")
    assert (answer.code, "Another replay, demo or sweep works on" in answer.err) == (1, True)
    after = {name: sha for name, sha in content_of(old_home).items() if not name.startswith("lifecycle.lock")}
    assert after == before
    assert mlreg("upgrade").code == 0
