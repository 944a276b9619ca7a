"""The gates of the package, and which of them every version must pass."""

from mlreg_dagster.extensions import Measurement, gate, isolated
from mlreg_dagster.extensions.gates import between
from mlreg_dagster.models.gates import GATES, STRICT_GATES
from mlreg_dagster.models.gates.built_in import built_in, questions


def test_a_gate_of_the_package_is_listed_whichever_module_defines_it():
    with isolated():
        gate("of_a_plugin", "Is it a plug-in's?", at_least=0.0)(lambda _: 1.0)
        for name, strict in (("of_all", False), ("of_a_tier", True)):
            built_in(name, f"{name}?", lambda _: between(at_least=0), strict=strict)(lambda _: Measurement(1.0, ""))
        assert questions(strict=False) == GATES | {"of_all": "of_all?"}
        assert questions(strict=True) == STRICT_GATES | {"of_a_tier": "of_a_tier?"}
