"""The hours that the home that has lived is asked about, repaired ones among them, and what the oracle knows better."""

import numpy as np
import pytest

from mlreg_dagster_tests.incidents.lived_in import LENGTH, REPAIRED, live_in
from mlreg_dagster_tests.incidents.oracle import Oracle
from mlreg_dagster_tests.market.frames import at

_RNG = np.random.default_rng(18)
ASKED = [
    *REPAIRED,
    *((offset, None) for offset, _ in REPAIRED),
    *((int(offset), None) for offset in _RNG.integers(0, LENGTH, 24)),
    *((int(offset), f"coin{offset % 3}") for offset in _RNG.integers(200, LENGTH, 20)),
]


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return live_in(tmp_path_factory.mktemp("lived_in"))


@pytest.fixture(scope="session")
def oracle(home):
    return Oracle(home)


def differing(ask, oracle, asked):
    """What is answered otherwise than by the oracle, and what the oracle met on the way.

    `ask` takes an offset of an hour and an instrument, and gives facts in the shape of the oracle's.
    """
    wrong, met = [], set()
    for offset, instrument in asked:
        found, expected = ask(offset, instrument), oracle.impact(at(offset), instrument)
        wrong += [(offset, instrument, name) for name, facts in expected.items() if found[name] != facts]
        met |= {through for name in ("predictions", "outcomes", "served") for _, through in expected[name]}
        met |= {name for name, facts in expected.items() if facts} | {each[0] for each in expected["datasets"].values()}
        met |= {"changed" for each in expected["datasets"].values() if each[-1]}
    return wrong, met
