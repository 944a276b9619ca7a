"""Plug-ins are found, named, and refused in words."""

import sys

import pytest

from mlreg_dagster.cli.session import configured_rules
from mlreg_dagster.config import ConfigError, load_settings
from mlreg_dagster.definitions import build_definitions
from mlreg_dagster.extensions import PluginError, load_extensions
from mlreg_dagster.extensions.detectors import DETECTORS
from mlreg_dagster.extensions.features import FEATURES
from mlreg_dagster.extensions.gates import GATES
from mlreg_dagster.extensions.notifiers import NOTIFIERS
from mlreg_dagster.extensions.registration.plugins import Plugin
from mlreg_dagster.extensions.sources import SOURCES
from mlreg_dagster_tests.extensions.texts import FEATURE, ONE_OF_EACH

OF_EACH = [
    (DETECTORS, "own_detector"),
    (FEATURES, "own_price"),
    (GATES, "own_gate"),
    (NOTIFIERS, "own_notifier"),
    (SOURCES, "own_source"),
]


def test_a_module_that_the_configuration_names_registers_one_of_each(write_plugin):
    load_extensions([write_plugin("one_of_each", ONE_OF_EACH)])
    for catalogue, name in OF_EACH:
        assert name in catalogue.names
        assert catalogue.plugin(name) == Plugin("one_of_each", "3.1")
    load_extensions(["one_of_each"])  # a second code location in the process


@pytest.mark.usefixtures("plugin_folder")
def test_a_module_of_a_project_in_the_current_folder_is_found_though_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "shop" / "configs").mkdir(parents=True)
    (tmp_path / "shop" / "shop_extensions.py").write_text(FEATURE.format(name="own_price"))
    with pytest.raises(PluginError, match="No module named 'shop_extensions'"):
        load_extensions(["shop_extensions"])
    (tmp_path / "shop" / "pyproject.toml").write_text("[tool.mlreg]\n")
    (tmp_path / "shop" / "configs" / "extensions.yaml").write_text("modules: [shop_extensions]\n")
    monkeypatch.chdir(tmp_path / "shop")
    load_extensions(["shop_extensions"])
    assert FEATURES.plugin("own_price") == Plugin("shop_extensions", "unknown")


@pytest.mark.usefixtures("plugin_folder")
@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_module_that_is_named_elsewhere_is_not_looked_for_in_the_project(tmp_path, monkeypatch, elsewhere):
    """Whatever has its name in the current folder is not what the configuration means."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    for folder in ("shop/configs", "other"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "extensions.yaml").write_text("modules: [shop_extensions]\n")
    (tmp_path / "shop" / "shop_extensions.py").write_text(FEATURE.format(name="own_price"))
    (tmp_path / "shop" / "pyproject.toml").write_text("[tool.mlreg]\n")
    monkeypatch.chdir(tmp_path / "shop")
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(tmp_path / "other") if elsewhere else "../shop/configs")
    if elsewhere:
        with pytest.raises(PluginError, match="No module named 'shop_extensions'"):
            configured_rules()
        assert str(tmp_path / "shop") not in sys.path
    else:
        configured_rules()
        assert "own_price" in FEATURES


@pytest.mark.usefixtures("plugin_folder")
def test_a_project_without_an_extensions_yaml_names_no_modules(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "configs").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.mlreg]\n")
    monkeypatch.chdir(tmp_path)
    load_extensions()
    assert str(tmp_path) not in sys.path


def test_an_entry_point_is_found_and_its_plug_in_is_the_distribution(install):
    install("nice-plugin", "1.2", "nice_module", ONE_OF_EACH)
    load_extensions()
    assert DETECTORS.plugin("own_detector") == Plugin("nice-plugin", "1.2")


def test_a_plug_in_is_the_same_whatever_was_imported_first(install):
    install("nice-plugin", "1.2", "nice_module", ONE_OF_EACH)
    __import__("nice_module")
    load_extensions()
    assert GATES.plugin("own_gate") == Plugin("nice-plugin", "1.2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit('gone')", "SystemExit: gone"),
        (ONE_OF_EACH + "\n1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_broken_plug_in_is_named_and_leaves_nothing_behind(install, text, reason):
    before = [catalogue.names for catalogue, _ in OF_EACH]
    install("broken-plugin", "0.1", "broken_module", text)
    with pytest.raises(PluginError, match=rf"The plug-in broken-plugin 0\.1 can't be loaded \({reason}.*: fix it"):
        load_extensions()
    assert [catalogue.names for catalogue, _ in OF_EACH] == before
    assert "broken_module" not in sys.modules


def test_an_entry_point_names_a_module(install):
    install("odd-plugin", "1", "odd_module", "def main(): pass", value="odd_module:main")
    with pytest.raises(PluginError, match="entry point main of the plug-in odd-plugin 1 must name a module"):
        load_extensions()


def test_a_name_is_taken_once(write_plugin):
    first = write_plugin("first", FEATURE.format(name="own_price"))
    second = write_plugin("second", FEATURE.format(name="own_price"))
    with pytest.raises(PluginError, match=r"The plug-in second unknown registers the feature own_price, which fir"):
        load_extensions([first, second])
    twice = write_plugin("twice", FEATURE.format(name="a") + FEATURE.format(name="a").replace("def price", "def other"))
    with pytest.raises(PluginError, match="The plug-in twice unknown registers the feature a, which twice"):
        load_extensions([twice])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (FEATURE.format(name="Own Price"), "whose name must consist of lower-case letters"),
        (FEATURE.format(name="a").replace("lookback=0", "lookback=169"), "lookback that is not within 0 … 168 hours"),
        (FEATURE.format(name="a").replace('"A price"', '""'), "without a description"),
        ("from mlreg_dagster.extensions import gate\n@gate('a', 'b')\ndef c(x): pass", "or without a bound"),
        ("from mlreg_dagster.extensions import detector\n@detector('a')\nclass A: pass", "has no fit or no score"),
        ("from mlreg_dagster.extensions import notifier\n@notifier('a')\nclass A: pass", "has no notify"),
        ("from mlreg_dagster.extensions import source\n@source('a')\nclass A: pass", "is no MarketSource"),
    ],
)
def test_what_lacks_a_part_is_refused(write_plugin, text, complaint):
    with pytest.raises(PluginError, match=rf"lacking.*{complaint}"):
        load_extensions([write_plugin("lacking", text)])


@pytest.fixture
def configured(tmp_path, write_plugin):
    """Load the definitions with some files, and with the module of one of each."""

    def load(file, text):
        (tmp_path / "configs").mkdir(exist_ok=True)
        (tmp_path / "configs" / "extensions.yaml").write_text("modules: [one_of_each]")
        if file:
            (tmp_path / "configs" / file).write_text(text)
        write_plugin("one_of_each", ONE_OF_EACH)
        return build_definitions(load_settings(tmp_path / "configs"), tmp_path / "home")

    return load


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        (
            "model.yaml",
            "detector: magic",
            r"model.yaml: detector: .* 'magic'; allowed are isol.* own_detector",
        ),
        (
            "ingest.yaml",
            "source: magic",
            r"ingest.yaml: source: .* 'magic'; allowed are simul.* own_source",
        ),
        (
            "features.yaml",
            "own: {magic: '1'}",
            r"features.yaml: own.magic: .* allowed are own_price",
        ),
        (
            "features.yaml",
            "own: {own_price: '2'}",
            r"asked for is version '2', but one_of_each 3.1 registers",
        ),
        ("evaluation.yaml", "gates: {magic: {at_least: 1}}", r"evaluation.yaml: gates: .* magic; allowed are own_gate"),
        (
            "evaluation.yaml",
            "gates: {silhouette: {at_least: 1}}",
            r"yaml: gates: .* silhouette; allowed are own_gate",
        ),
        (
            "promotion.yaml",
            "high: {gates: [own_gate]}",
            r"promotion.yaml: high.gates: .* own_gate; allowed are",
        ),
        (
            "notifications.yaml",
            "notifier: magic",
            r"notifications.yaml: notifier: .* allowed are own_notif",
        ),
    ],
)
def test_a_name_that_nothing_registers_is_an_error_with_what_is_allowed(configured, file, text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        configured(file, text)


def test_a_registered_gate_is_a_check_and_a_chosen_feature_a_column(configured):
    definitions = configured("features.yaml", "own: {own_price: '1'}")
    graph = definitions.resolve_asset_graph()
    assert "own_gate" in {key.name for key in graph.asset_check_keys}
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    for asset in ("market_features", "training_dataset", "eval_holdout"):
        shown = {each.name: each.description for each in specs[asset].metadata["dagster/column_schema"].columns}
        assert shown["own_price"] == "A price, quote."


def test_without_a_choice_a_feature_is_not_computed(configured):
    specs = {spec.key.to_user_string(): spec for spec in configured(None, None).resolve_all_asset_specs()}
    columns = [each.name for each in specs["market_features"].metadata["dagster/column_schema"].columns]
    assert "own_price" not in columns


def test_commands_that_ask_the_registry_alone_know_the_bounds_of_plug_ins_gates(tmp_path, write_plugin, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "extensions.yaml").write_text("modules: [one_of_each]")
    write_plugin("one_of_each", ONE_OF_EACH)
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(tmp_path / "configs"))
    assert configured_rules().evaluation.gates["own_gate"].at_least == 0
