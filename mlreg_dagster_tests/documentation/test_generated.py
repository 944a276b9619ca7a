"""The generated references hold everything that there is to know, and a page can't ask for what nothing generates."""

import re
import sys
from importlib import import_module

import pytest
import typer
import yaml

import mlreg_dagster
from mlreg_dagster.cli.app import app
from mlreg_dagster.core import names
from mlreg_dagster_tests.documentation.pages import PROJECT


@pytest.fixture(scope="module")
def generated():
    sys.path.insert(0, str(PROJECT / "docs" / "_ext"))
    yield import_module("generated")
    sys.path.remove(str(PROJECT / "docs" / "_ext"))


def keys_of(values, prefix=""):
    for key, value in values.items():
        yield from keys_of(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [f"{prefix}{key}"]


def test_every_key_of_every_config_file(generated):
    text = generated.GENERATORS["configuration"]()
    chapters = dict(zip(*[iter(re.split(r"^## (\S+)$", text, flags=re.MULTILINE)[1:])] * 2, strict=True))
    for path in (PROJECT / "configs").glob("*.yaml"):
        chapter = chapters["model.yaml" if path.name.startswith("model") else path.name]
        keys = set(keys_of(yaml.safe_load(path.read_text(encoding="utf-8"))))
        keys = {re.sub(r"^(params|spaces)\..*", r"\1", key) for key in keys}
        assert {key for key in keys if f"| `{key}` |" not in chapter} == set()


def test_what_a_key_means(generated):
    text = generated.GENERATORS["configuration"]()
    assert "| `universe` | Instruments; at least 1<br>*integer ≥ 1; default `100`* |" in text
    assert '`never`, `passed`, `better`; default `"better"`*' in text
    assert "| `chunk_hours` | Hours held in memory at once, at most; of a large universe fewer, see" in text
    assert "*integer ≥ 24; default `744`* |" in text
    assert "| `freezes[].until` | *time (UTC); required* |" in text
    assert "| `people.NAME.roles` |" in text
    assert "*block or null; default `null`* |" in text
    assert "| `high.rollout.watch_hours` | The time with all traffic, before it counts as done.<br>*number ≥ 0" in text


def test_a_comment_may_go_on_below(generated):
    comments = generated.configuration.comments_of
    text = "a:\n  b: 1   # one\n          # two\n# three\nc: 'x#y'\n"
    assert comments(text) == {"a": "", "a.b": "one two", "c": ""}


def test_every_command_and_option(generated):
    text = generated.GENERATORS["commands"]()
    for name, command in typer.main.get_command(app).commands.items():
        for word, each in getattr(command, "commands", {"": command}).items():
            chapter = text.split(f"## mlreg {name} {word}".rstrip() + "\n", 1)[1].split("\n## ")[0]
            options = {parameter.opts[0] for parameter in each.params if parameter.param_type_name == "option"}
            assert {option for option in options - {"--help"} if f"`{option}" not in chapter} == set()


def test_every_table(generated):
    text = generated.GENERATORS["tables"]()
    tables = {"market_snapshot", "market_features", "predictions", "prediction_outcomes", "model_performance"}
    assert tables <= set(re.findall(r"^## (\w+)$", text, flags=re.MULTILINE))
    assert "| `volatility_7d_pct` | `DOUBLE` | yes |" in text
    assert "Key: `hour`, `instrument_id`" in text


def test_everything_in_the_graph(generated):
    text = generated.GENERATORS["assets"]()
    known = (*names.ASSETS, *names.JOBS, *names.SCHEDULES, *names.SENSORS, "score_gap")
    assert {name for name in known if f"`{name}`" not in text} == set()


def test_the_public_api(generated, monkeypatch):
    monkeypatch.setattr(mlreg_dagster, "__all__", ["Client", "load", "__version__"], raising=False)
    monkeypatch.setattr(mlreg_dagster, "Client", type("Client", (), {}), raising=False)
    monkeypatch.setattr(mlreg_dagster, "load", lambda: None, raising=False)
    lines = [line.strip() for line in generated.GENERATORS["api"]().splitlines() if line.strip().startswith((".", ":"))]
    assert lines == [
        ".. autoclass:: mlreg_dagster.Client",
        ":members:",
        ".. autofunction:: mlreg_dagster.load",
        ".. autodata:: mlreg_dagster.__version__",
    ]


def test_the_pictures(generated):
    graph, layers = generated.GENERATORS["asset-graph"](), generated.GENERATORS["layers"]()
    assert {name for name in names.ASSETS if f">{name}</text>" not in graph} == set()
    assert graph.count("<path d=") - 1 == graph.count('marker-end="url(#head)"') > len(names.ASSETS)
    assert all(f">{room}</text>" in layers for room in ("cli", "market", "registry", "config"))


def test_a_page_with_an_unknown_place(generated):
    assert generated.filled_in("a\n<!-- generated: layers -->\nb").startswith("a\n```{raw} html")
    with pytest.raises(KeyError, match="pictures"):
        generated.filled_in("<!-- generated: pictures -->")
