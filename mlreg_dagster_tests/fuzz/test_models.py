"""Whatever lies where a model should: it is loaded whole or refused, and nothing of it is ever run."""

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.fuzz.mutation import mutated, mutated_bytes, to_json
from mlreg_dagster_tests.fuzz.profile import accepted, cases
from mlreg_dagster_tests.models.builders import build_world

pytestmark = pytest.mark.slow

EVIL = """os system builtins eval exec subprocess Popen posix importlib pickle loads numpy sklearn.pipeline Pipeline
ObjectNode FunctionNode TypeNode PartialNode MethodNode OperatorFuncNode"""


class Canary:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    return tmp_path_factory.mktemp("canary") / "sang"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a good model."""
    world = build_world(tmp_path_factory.mktemp("fuzz") / "made")
    model = world.train("isolation_forest", params={"n_estimators": 3})
    artifact.save(world.store, "v1", model)
    return world.store.read(artifact.MODELS, "v1")


def _load(folder: Path, changed: dict[str, bytes], what: str) -> None:
    """As if the attacker had the registry's hash, too: what is left is the list of trusted types."""
    for number in range(10_000):
        if not (folder / str(number)).exists():
            break
    store = open_artifacts(str(folder / str(number)))
    frozen = store.freeze(artifact.MODELS, "v1", changed)
    model = accepted(what, lambda: artifact.load(store, "v1", frozen.sha256))
    if model is not None:
        accepted(what, lambda: (model.features, model.threshold, model.training_end, model.scores_from))


@st.composite
def archives(draw: Any, content: bytes) -> bytes:
    """A skops file whose schema, member names or members are others."""
    with zipfile.ZipFile(io.BytesIO(content)) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    schema = json.loads(members["schema.json"])
    evil = st.sampled_from(EVIL.split())
    how = draw(st.sampled_from(["schema", "schema", "types", "path", "bomb", "pickle", "bytes"]))
    if how == "schema":
        members["schema.json"] = to_json(draw(mutated(schema, evil | st.sampled_from([None, [], {}, 0, -1, "x"]))))
    elif how == "types":
        text = members["schema.json"].decode()
        old = draw(
            st.sampled_from(['"Pipeline"', '"sklearn.pipeline"', '"IsolationForest"', '"ObjectNode"', '"JsonNode"'])
        )
        members["schema.json"] = text.replace(old, f'"{draw(evil)}"', draw(st.integers(1, 3))).encode()
    elif how == "path":
        members[draw(st.sampled_from(["../../evil", "/tmp/evil", "a/../../b", "x" * 3000, "\\\\evil"]))] = b"evil"
    elif how == "bomb":
        members[draw(st.sampled_from(sorted(members)))] = b"0" * draw(st.sampled_from([10**6, 10**8]))
    elif how == "pickle":
        members[draw(st.sampled_from(sorted(members)))] = pickle.dumps(Canary(Path("sang")))
    else:
        name = draw(st.sampled_from(sorted(members)))
        members[name] = draw(mutated_bytes(members[name]))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as changed:
        for name, member in members.items():
            changed.writestr(name, member)
    return buffer.getvalue()


@given(st.data())
@cases(30, 900)
def test_bundles(files, tmp_path, canary, monkeypatch, data) -> None:
    monkeypatch.chdir(canary.parent)
    name = data.draw(st.sampled_from(sorted(files)))
    content = files[name]
    odd = mutated_bytes(content)
    if name.endswith(".json"):
        odd |= mutated(json.loads(content)).map(to_json)
    elif zipfile.is_zipfile(io.BytesIO(content)):
        odd |= archives(content)
        odd |= st.just(pickle.dumps(Canary(canary)))
    _load(tmp_path, {**files, name: data.draw(odd)}, f"model files, {name}")
    assert list(canary.parent.iterdir()) == []


def test_the_canary_sings(canary, tmp_path):
    """Else the tests above would prove nothing."""
    pickle.loads(pickle.dumps(Canary(tmp_path / "sang")))
    assert (tmp_path / "sang").exists()
    assert not canary.exists()


@pytest.mark.parametrize("lost", ["pipeline.skops", "manifest.json", "all"])
def test_bundles_without_a_file(files, tmp_path, lost):
    kept = {name: content for name, content in files.items() if lost not in (name, "all")} or {"x": b""}
    store = open_artifacts(str(tmp_path))
    frozen = store.freeze(artifact.MODELS, "v1", kept)
    assert accepted("bundles without a file", lambda: artifact.load(store, "v1", frozen.sha256)) is None
