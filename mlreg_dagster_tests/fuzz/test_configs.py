"""Whatever stands in a config file: settings, or a refusal that names the file."""

import shutil

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import Settings, load_settings
from mlreg_dagster_tests.fuzz.mutation import mutated, mutated_bytes, odd_values
from mlreg_dagster_tests.fuzz.profile import accepted, cases
from mlreg_dagster_tests.repository import PROJECT_DIR

pytestmark = pytest.mark.slow

SHIPPED = {path.name: path.read_bytes() for path in sorted((PROJECT_DIR / "configs").glob("*.yaml"))}
LAUGHS = b"a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 9)) for level in range(1, 12)
)
TRICKS = [
    LAUGHS,
    b"universe: &a [*a]\n",
    b"&a {universe: *a}\n",
    b"models: !!python/object/apply:os.system ['touch canary']\n",
    b"a: !!python/name:os.system\n",
    b"? [a, b]\n: 1\n",
    b"a: !!binary /////w==\n",
    b"a: !!set {x, y}\n",
    b"a: !!timestamp 2020-01-01\n",
    b"universe: " + b"9" * 5000,
    b"universe: 0x" + b"f" * 5000,
    b"universe: 1e400",
    b"start: 99999-01-01",
    b"start: 2020-01-01T00:00:00+99:99",
    b"start: 0001-01-01T00:00:00+14:00",
    b"---\na: 1\n---\nb: 2\n",
    b"\xff\xfea\x00",
    b"\x00",
    b"a: 1\na: 2\n",
    b"1: 2\nnull: 3\ntrue: 4\n1.5: 5\n",
    b"<<: [*x]\n",
    b"<<: {universe: 3}\n",
    b"{" * 5000,
    b"- " * 5000,
    b"[" * 100_000,
    b"universe: 3 # " + b"x" * 1_000_000,
    b"a: &a " + b"[" * 400 + b"]" * 400,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def _load(folder, name, content):
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / name).write_bytes(content)
    settings = accepted("configs", lambda: load_settings(folder))
    assert settings is None or isinstance(settings, Settings)
    if settings is not None:
        assert Settings.model_validate_json(settings.model_dump_json(), strict=True) == settings


@st.composite
def files(draw):
    name = draw(st.sampled_from(sorted(SHIPPED)))
    values = yaml.safe_load(SHIPPED[name])
    odd = odd_values.filter(lambda value: not (isinstance(value, str) and "\ud800" in value))
    by_structure = mutated(values, odd).map(lambda made: yaml.safe_dump(made, allow_unicode=True).encode())
    return name, draw(by_structure | mutated_bytes(SHIPPED[name]))


@given(files())
@cases(60, 2000)
def test_configs(folder, file) -> None:
    _load(folder, *file)


@pytest.mark.parametrize("content", TRICKS, ids=lambda content: repr(content[:30]))
def test_tricks(folder, tmp_path, monkeypatch, content) -> None:
    monkeypatch.chdir(tmp_path)
    _load(folder, "ingest.yaml", content)
    assert not (tmp_path / "canary").exists()
