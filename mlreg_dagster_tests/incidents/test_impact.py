"""The blast radius of an hour, against an oracle that looks at every row by itself."""

import numpy as np
import pytest

from mlreg_dagster.incidents.impact import impact_of
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


def test_fifty_hours_are_as_the_oracle_says(home, oracle):
    assert len(ASKED) == 50
    met = set()
    for offset, instrument in ASKED:
        found, expected = as_facts(ask(home, offset, instrument)), oracle.impact(at(offset), instrument)
        for name, facts in expected.items():
            assert found[name] == facts, (offset, instrument, name)
        met |= {through for name in ("predictions", "outcomes", "served") for _, through in expected[name]}
        met |= {name for name, facts in expected.items() if facts} | {each[0] for each in expected["datasets"].values()}
        met |= {"changed"} & {"changed" for each in expected["datasets"].values() if each[-1]}
    assert met >= {"features", "threshold", "training", "label", "price", "unknown", "holds", "looks back", "changed"}
    assert met >= {"reasons", "reigns", "rollouts", "served", "trained", "evaluations"}
