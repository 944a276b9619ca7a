"""Names of the package are not taken by a plug-in, whatever was imported first."""

import os
import subprocess
import sys

import pytest

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.extensions import PluginError, load_extensions
from mlreg_dagster.extensions.gates import GATES
from mlreg_dagster.extensions.registration.reserved import BUILT_IN, is_reserved
from mlreg_dagster.market import sources
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.models.detectors.names import SCORERS
from mlreg_dagster_tests.extensions.texts import ONE_OF_EACH


@pytest.mark.parametrize(
    "text",
    [
        "from mlreg_dagster.extensions import gate\n@gate('silhouette', 'Mine?', at_least=0)\ndef mine(c): return 1.0",
        "from mlreg_dagster.extensions import sklearn_detector\n"
        "@sklearn_detector('isolation_forest', types=[])\ndef mine(): pass",
    ],
)
def test_what_is_built_in_is_not_replaced(write_plugin, text):
    with pytest.raises(PluginError, match=r"which mlreg_dagster itself has registered already"):
        load_extensions([write_plugin("usurper", text)])


USURPERS = {
    ("detector", "isolation_forest"): "@detector({name!r}, types=['os.system'])\nclass Mine:\n"
    "    def fit(self, X): pass\n    def score(self, X): return X[:, 0]",
    ("gate", "silhouette"): "@gate({name!r}, 'Mine?', at_least=0)\ndef mine(context): return 1.0",
    ("gate", "model_size"): "@gate({name!r}, 'Mine?', at_least=0, strict=True)\ndef mine(context): return 1.0",
    ("source", "coingecko"): "@source({name!r})\nclass Mine:\n"
    "    def span(self, now): pass\n    def snapshots(self, hours, now): pass",
    ("feature", "slog_volume_24h_lag_7h"): "@feature({name!r}, lookback=0, description='Mine', unit='1')\n"
    "def mine(grid): return grid.now('price')",
    ("notifier", "webhook"): "@notifier({name!r})\nclass Mine:\n    def notify(self, notice): pass",
}


FIRST = """
from mlreg_dagster.extensions import load_extensions
load_extensions(["evil_first"])
"""


@pytest.mark.parametrize(("kind", "name"), USURPERS)
def test_a_built_in_name_is_refused_before_the_built_ins_are_imported(write_plugin, plugin_folder, kind, name):
    write_plugin(
        "evil_first", f"from mlreg_dagster.extensions import {kind}\n" + USURPERS[kind, name].format(name=name)
    )
    found = subprocess.run(
        [sys.executable, "-c", FIRST], capture_output=True, text=True, check=False, cwd=plugin_folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(plugin_folder), *sys.path])},
    )  # fmt: skip
    refusal = f"The plug-in evil_first unknown registers the {kind} {name}, which mlreg_dagster itself has registered"
    assert found.returncode == 1
    assert refusal in found.stderr


def test_the_reserved_names_are_those_of_the_package():
    gates = tuple(gate.name for gate in GATES.values if GATES.plugin(gate.name) is None)
    assert {"detector": tuple(SCORERS), "gate": gates, "source": tuple(sources._BUILT_IN)} == BUILT_IN
    settings = FeatureSettings(lag_hours=(1, 168), rolling_hours=(2, 168))
    columns = features_table(settings).columns
    assert not [name for name in columns if not is_reserved("feature", name)]


def test_the_order_of_gates_does_not_depend_on_what_is_imported_first(write_plugin):
    built_in = dict(GATES._entries)
    GATES._entries.clear()
    load_extensions([write_plugin("one_of_each", ONE_OF_EACH)])
    GATES._entries.update(built_in)
    assert [gate.name for gate in GATES.values] == [*built_in, "own_gate"] == list(GATES.names)


def test_a_built_in_that_finds_its_name_taken_names_the_plug_in(write_plugin):
    load_extensions([write_plugin("one_of_each", ONE_OF_EACH)])

    def later(): ...

    later.__module__ = "mlreg_dagster.models.gates.later"
    with pytest.raises(PluginError, match=r"one_of_each 3.1 registers the gate own_gate, which mlreg_dagster itself"):
        GATES.add("own_gate", GATES.get("own_gate"), later)
