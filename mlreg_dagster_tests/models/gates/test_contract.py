"""The package's gates keep the contract that plug-ins are held to."""

import pytest

from mlreg_dagster.models.gates import GATES, LATENCY, SIZE, STRICT_GATES
from mlreg_dagster.testing import GateContract

_METHODS = [name for name in dir(GateContract) if name.startswith("test_")]


@pytest.mark.parametrize("method", _METHODS)
@pytest.mark.parametrize("name", [*GATES, *STRICT_GATES])
def test_every_gate_of_the_package_is_held_to_it(name, method):
    attributes = {"gate": name, "needs_rows": name != SIZE, "repeatable": name != LATENCY}
    getattr(type("Suite", (GateContract,), attributes)(), method)()
