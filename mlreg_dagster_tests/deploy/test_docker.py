"""The files that build the image and start it on one machine. What the image does is tried by `.ci/image.sh`."""

import copy
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlreg_dagster_tests.repository import PROJECT_DIR

FOLDER = PROJECT_DIR / "deploy" / "docker"
HADOLINT = Path(sys.executable).with_name("hadolint")
COMPOSE = FOLDER / "compose.yaml"
BETWEEN_HOSTS = FOLDER / "compose.hosts.yaml"
BOTH = pytest.mark.parametrize("file", [COMPOSE, BETWEEN_HOSTS], ids=lambda file: file.stem)
BUILT = "mlreg-dagster:local"


def lint(text: str) -> subprocess.CompletedProcess:
    found = str(HADOLINT) if HADOLINT.exists() else shutil.which("hadolint")
    if found is None:
        pytest.skip("hadolint is not here")
    return subprocess.run([found, "-"], input=text, capture_output=True, text=True)


def test_hadolint_finds_nothing():
    answer = lint((FOLDER / "Dockerfile").read_text(encoding="utf-8"))
    assert (answer.returncode, answer.stdout) == (0, "")


def test_hadolint_finds_what_is_wrong():
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    answer = lint(text.replace("USER 10001:10001", "USER root").replace("WORKDIR /src", "WORKDIR src"))
    assert {"DL3000", "DL3002"} <= set(re.findall(r"DL\d+", answer.stdout))


def pinned(text: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    return {name.replace("_", "-").lower(): version for name, version in found}


def test_what_the_image_has_beside_the_package_is_of_the_locked_versions():
    locked = pinned((PROJECT_DIR / "constraints.txt").read_text())
    files = sorted(FOLDER.glob("requirements*.txt"))
    added = {name: version for file in files for name, version in pinned(file.read_text()).items()}
    assert added["dagster-postgres"] == locked["dagster-duckdb"]  # Dagster releases its libraries together
    assert added.items() <= locked.items()
    lines = [line for file in files for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(added)


def test_the_image_has_what_many_hosts_need_and_nothing_is_installed_later():
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    known = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named, todo = set(), extras.split(",")
    while todo:
        for each in known[todo.pop()]:
            inner = re.match(r"mlreg-dagster\[(.*)\]", each)
            todo += inner[1].split(",") if inner else []
            named.add(re.split(r"[\[<>=]", each)[0])
    assert {"dagster-postgres", "dagster-k8s", "s3fs", "duckdb-extension-ducklake", "uvloop"} <= named
    locked = pinned((PROJECT_DIR / "constraints.txt").read_text())
    assert not named - {"mlreg-dagster"} - set(locked)


def test_only_what_the_package_is_built_from_gets_into_the_build():
    lines = [line for line in (PROJECT_DIR / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert {source.removeprefix("./") for line in copied for source in line.split()} == allowed
    assert all((PROJECT_DIR / each).exists() for each in allowed)


def problems(compose: dict[str, Any]) -> Iterator[str]:
    """What is wrong in a compose file, in sentences."""
    services, volumes = compose["services"], set(compose["volumes"])
    used = set()
    for name, service in services.items():
        is_ours = service["image"] == BUILT
        if is_ours and not (service.get("read_only") and service.get("user") == "10001:10001"):
            yield f"{name} may write its root, or runs as root"
        if is_ours and service.get("cap_drop") != ["ALL"]:
            yield f"{name} keeps privileges"
        if not is_ours and ":" not in service["image"]:
            yield f"{name} has an image without a tag"
        if "healthcheck" not in service and "serve" not in service.get("command", ()):
            yield f"{name} has no health check"
        for port in service.get("ports", ()):
            if not port.startswith("127.0.0.1:"):
                yield f"{name} can be reached from other machines"
        for other, how in service.get("depends_on", {}).items():
            if other not in services:
                yield f"{name} waits for {other}, which is not there"
            elif how["condition"] == "service_healthy" and "healthcheck" not in services[other]:
                yield f"{name} waits for {other}, which has no health check"
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            used |= set() if source.startswith(".") else {source}
            if source.startswith(".") and not (FOLDER / source).exists():
                yield f"{name} mounts {source}, which is not there"
        for variable, value in service.get("environment", {}).items():
            is_secret = variable.endswith("PASSWORD") or re.search(r"://\w+:", value)
            if is_secret and "${POSTGRES_PASSWORD" not in value:
                yield f"{name} has a secret in {variable}"
    if used != volumes:
        yield f"volumes that are declared and used differ by {', '.join(sorted(used ^ volumes))}"


@pytest.fixture
def compose() -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))


@BOTH
def test_a_compose_file_is_sound(file):
    compose = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert set(compose["services"]) == {"postgres", "mlreg-code-location", "daemon", "webserver", "server", "pages"}
    assert list(problems(compose)) == []


def test_between_hosts_nothing_is_shared_but_the_log_and_all_know_the_same_places():
    services = yaml.safe_load(BETWEEN_HOSTS.read_text(encoding="utf-8"))["services"]
    ours = {name: each for name, each in services.items() if each["image"] == BUILT}
    volumes = {mount.split(":")[0] for each in ours.values() for mount in each.get("volumes", ())}
    assert {each for each in volumes if not each.startswith(".")} == {"served"}
    places = ("MLREG_TABLES", "MLREG_ARTIFACTS", "MLREG_REGISTRY", "MLREG_LATEST", "AWS_ENDPOINT_URL")
    known = [
        [ours[name]["environment"][place] for place in places] for name in ("mlreg-code-location", "server", "pages")
    ]
    assert known[0] == known[1] == known[2]


@pytest.mark.parametrize(
    ("service", "key", "value", "problem"),
    [
        ("server", "read_only", False, "may write its root"),
        ("server", "cap_drop", [], "keeps privileges"),
        ("postgres", "image", "postgres", "without a tag"),
        ("daemon", "healthcheck", None, "has no health check"),
        ("server", "ports", ["8808:8808"], "from other machines"),
        ("server", "depends_on", {"database": {"condition": "service_healthy"}}, "which is not there"),
        ("daemon", "depends_on", {"server": {"condition": "service_healthy"}}, "which has no health check"),
        ("daemon", "volumes", ["./other.yaml:/other.yaml"], "mounts ./other.yaml"),
        ("server", "volumes", ["other:/other"], "differ by other"),
        ("postgres", "environment", {"POSTGRES_PASSWORD": "secret"}, "has a secret"),
        ("server", "environment", {"MLREG_REGISTRY": "postgresql://mlreg:secret@postgres/registry"}, "has a secret"),
    ],
)
def test_a_planted_error_is_found(compose, service, key, value, problem):
    compose["services"][service][key] = value
    if value is None:
        del compose["services"][service][key]
    assert any(problem in each for each in problems(compose))


@BOTH
def test_the_places_that_compose_mounts_belong_to_the_user_of_the_image(file):
    compose = yaml.safe_load(file.read_text(encoding="utf-8"))
    made = re.search(r"install --directory.*?\n.*", (FOLDER / "Dockerfile").read_text())[0]
    for service in compose["services"].values():
        if service["image"] == BUILT:
            folders = [mount.split(":")[1] for mount in service.get("volumes", ()) if not mount.startswith(".")]
            assert all(re.search(rf"{folder}(\s|$)", made) for folder in folders)
