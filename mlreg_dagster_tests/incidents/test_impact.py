"""The blast radius of an hour, against an oracle that looks at every row by itself."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from upath import UPath

from mlreg_dagster.incidents.impact import UnknownInstrument, impact_of
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.incidents.lived_in import LENGTH, REPAIRED, live_in
from mlreg_dagster_tests.incidents.oracle import Oracle, as_facts
from mlreg_dagster_tests.market.frames import at

_RNG = np.random.default_rng(18)
ASKED = [
    *REPAIRED,
    *((offset, None) for offset, _ in REPAIRED),
    *((int(offset), None) for offset in _RNG.integers(0, LENGTH, 24)),
    *((int(offset), f"coin{offset % 3}") for offset in _RNG.integers(200, LENGTH, 20)),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return live_in(tmp_path_factory.mktemp("lived_in"))


@pytest.fixture(scope="module")
def oracle(home):
    return Oracle(home)


def ask(home, offset, instrument=None):
    with home.reader.tables() as tables:
        return impact_of(at(offset), instrument, home.registry, tables, home.store, home.settings)


def differing(home, oracle, asked):
    """What the package and the oracle answer differently, and what the oracle met on the way."""
    wrong, met = [], set()
    for offset, instrument in asked:
        found, expected = as_facts(ask(home, offset, instrument)), oracle.impact(at(offset), instrument)
        wrong += [(offset, instrument, name) for name, facts in expected.items() if found[name] != facts]
        met |= {through for name in ("predictions", "outcomes", "served") for _, through in expected[name]}
        met |= {name for name, facts in expected.items() if facts} | {each[0] for each in expected["datasets"].values()}
        met |= {"changed" for each in expected["datasets"].values() if each[-1]}
    return wrong, met


def test_repaired_hours_are_as_the_oracle_says(home, oracle):
    wrong, met = differing(home, oracle, ASKED[:6])
    assert wrong == []
    assert met >= {"changed", "trained", "reigns", "label", "price"}


@pytest.mark.slow
def test_fifty_hours_are_as_the_oracle_says(home, oracle):
    assert len(ASKED) == 50
    wrong, met = differing(home, oracle, ASKED)
    assert wrong == []
    assert met >= {"features", "threshold", "training", "label", "price", "unknown", "holds", "looks back", "changed"}
    assert met >= {"reasons", "reigns", "rollouts", "served", "trained", "evaluations"}


def test_a_dataset_that_cannot_be_read_is_named(home, tmp_path):
    copied = shutil.copytree(home.folder / "artifacts", tmp_path / "artifacts")
    (copied / "training_dataset" / "2020-01-10" / "lineage.json").write_text("{}")
    found = ask(replace(home, store=open_artifacts(UPath(copied))), 200)
    assert found.remarks[0].startswith("training_dataset 2020-01-10 can't be read, and may rest on the hour: ")
    assert {(each.kind, each.day) for each in found.datasets} >= {("eval_holdout", "2020-01-10")}


def test_an_instrument_that_nobody_observed_is_refused(home):
    with pytest.raises(UnknownInstrument, match="coin9 is in no hour of the tables"):
        ask(home, 200, "coin9")
