"""Parts of a home elsewhere: MLREG_REGISTRY, MLREG_ARTIFACTS and MLREG_LATEST."""

from pathlib import Path

import dagster as dg
import pytest

from mlreg_dagster.config import load_settings
from mlreg_dagster.config.places import artifacts_root, latest_root, raw_roots, registry_url
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.definitions import build_definitions
from mlreg_dagster.orchestration.resources import RegistryResource
from mlreg_dagster.registry import RegistryUnavailable

HOME = Path("/somewhere/home")


@pytest.mark.parametrize(
    ("named", "url"),
    [
        (None, "sqlite:////somewhere/home/registry.sqlite"),
        ("", "sqlite:////somewhere/home/registry.sqlite"),
        ("/elsewhere/my registry.sqlite", "sqlite:////elsewhere/my registry.sqlite"),
        ("sqlite:////elsewhere/r.sqlite", "sqlite:////elsewhere/r.sqlite"),
        ("postgresql://anna:secret@host/name", "postgresql://anna:secret@host/name"),
    ],
)
def test_where_the_registry_is(monkeypatch, named, url):
    if named is not None:
        monkeypatch.setenv("MLREG_REGISTRY", named)
    assert registry_url(HOME) == url


@pytest.mark.parametrize(
    ("named", "root"),
    [
        (None, "/somewhere/home/artifacts"),
        ("/elsewhere", "/elsewhere"),
        ("file:///elsewhere", "file:///elsewhere"),
        ("s3://bucket/folder", "s3://bucket/folder"),
    ],
)
def test_where_the_artifacts_are(monkeypatch, named, root):
    if named is not None:
        monkeypatch.setenv("MLREG_ARTIFACTS", named)
    assert artifacts_root(HOME) == root


@pytest.mark.parametrize(
    ("artifacts", "roots"),
    [
        (None, ("/somewhere/home/raw",)),
        ("/elsewhere", ("/somewhere/home/raw",)),
        ("file:///elsewhere", ("/somewhere/home/raw",)),
        ("s3://bucket/folder/", ("s3://bucket/folder/.raw", "/somewhere/home/raw")),
    ],
)
def test_raw_payloads_follow_artifacts_onto_an_object_store(monkeypatch, artifacts, roots):
    if artifacts is not None:
        monkeypatch.setenv("MLREG_ARTIFACTS", artifacts)
    assert raw_roots(HOME) == roots


def test_where_the_newest_hour_is_mirrored(monkeypatch):
    assert latest_root(HOME) == "/somewhere/home/latest"
    monkeypatch.setenv("MLREG_LATEST", "s3://bucket/latest")
    assert latest_root(HOME) == "s3://bucket/latest"


@pytest.mark.parametrize(
    ("variable", "named", "said"),
    [
        ("MLREG_REGISTRY", "registry.sqlite", "relative path"),
        ("MLREG_REGISTRY", "sqlite:///registry.sqlite", "relative path"),
        ("MLREG_REGISTRY", "mysql://host/name", "can't live in mysql"),
        ("MLREG_REGISTRY", "postgresql://anna:topsecret@host:port/name", "can't be read as a URL"),
        ("MLREG_REGISTRY", "postgresql://anna@host/name?password=topsecret", "has a password among its options"),
        ("MLREG_ARTIFACTS", "folder/artifacts", "relative path"),
        ("MLREG_ARTIFACTS", "s3://key:topsecret@bucket/folder", "has a secret in it"),
        ("MLREG_LATEST", "folder/latest", "MLREG_LATEST names 'folder/latest' by a relative path"),
        ("MLREG_LATEST", "s3://key:topsecret@bucket/folder", "MLREG_LATEST has a secret in it"),
        ("MLREG_LATEST", "pigeon://coop/42", "newest hour can't be mirrored to pigeon://coop/42: Unsupported"),
        ("MLREG_ARTIFACTS", "pigeon://coop/42", "Unsupported filesystem"),
        ("MLREG_ARTIFACTS", "carrier-pigeon://coop/42", "no protocol"),
    ],
)
def test_a_place_that_can_not_be_meant_is_refused_when_the_code_location_loads(
    own_home, monkeypatch, variable, named, said
):
    monkeypatch.setenv(variable, named)
    with pytest.raises(MlregError, match=said) as refused:
        build_definitions(load_settings(), own_home)
    assert "topsecret" not in str(refused.value)
    assert not own_home.exists()


def test_dagster_is_given_the_name_of_the_variable_and_not_its_value(own_home, monkeypatch):
    monkeypatch.setenv("MLREG_REGISTRY", "postgresql://anna:topsecret@host/name")
    registry = build_definitions(load_settings(), own_home).resources["mlreg_registry"].value
    assert registry.url == dg.EnvVar("MLREG_REGISTRY")
    assert registry.address == "postgresql://anna:topsecret@host/name"
    assert "topsecret" not in repr(registry)


def test_a_variable_that_is_not_set_in_a_process_is_named(monkeypatch):
    monkeypatch.delenv("MLREG_REGISTRY", raising=False)
    with pytest.raises(RegistryUnavailable, match="MLREG_REGISTRY is to name the registry, and is not set"):
        RegistryResource(url=dg.EnvVar("MLREG_REGISTRY")).open()
