"""The file of a sweep: lists and grids over a base, and what is refused before anything is trained."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import ConfigError, load_settings
from mlreg_dagster.models.manifests import recorded_settings
from mlreg_dagster.models.sweeps.file import MOST, read_configurations

SETTINGS = load_settings()
FOREST = {"n_estimators": 200, "max_samples": 1.0}


def read(text):
    return read_configurations(text, "trees.yaml", SETTINGS)


def test_the_base_is_always_among_them_and_a_list_keeps_its_order_and_names():
    base, few, lof = read("""
configurations:
  - {name: few trees, params.n_estimators: 50}
  - {model: model_lof, seed: 7}
""")
    assert (base.number, base.name, base.changes, base.settings) == (0, "base", {}, SETTINGS.model("model"))
    assert (few.number, few.name, few.changes) == (1, "few trees", {"params.n_estimators": 50})
    assert few.settings.params == FOREST | {"n_estimators": 50}
    assert (lof.number, lof.name, lof.changes) == (2, "model=model_lof, seed=7", {"model": "model_lof", "seed": 7})
    assert lof.settings == SETTINGS.model("model_lof").override({"seed": 7})


def test_params_as_a_block_replace_those_of_the_file_as_a_run_s_overrides_do():
    _, block = read("configurations: [{params: {n_estimators: 50}}]")
    assert block.settings.params == {"n_estimators": 50}


def test_parameters_of_the_base_are_left_behind_with_its_detector():
    _, other = read("configurations: [{detector: local_outlier_factor, params.n_neighbors: 30}]")
    assert other.settings.params == {"n_neighbors": 30}


def test_a_grid_is_the_product_and_the_combination_that_is_the_base_is_not_trained_twice():
    found = read("grid: {params.n_estimators: [100, 200], seed: [42, 7], flagging.budget: [0.08]}")
    assert [(each.settings.params["n_estimators"], each.settings.seed) for each in found] == [
        (200, 42), (100, 42), (100, 7), (200, 7),
    ]  # fmt: skip
    assert [each.number for each in found] == [0, 1, 2, 3]
    assert found[3].changes == {"params.n_estimators": 200, "seed": 7, "flagging.budget": 0.08}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "write `model:` and either"),
        ("[1]", "write `model:` and either"),
        ("model: [", "no plain YAML"),
        ("modell: model\ngrid: {seed: [1]}", "unknown key 'modell'"),
        ("model: model", "write either"),
        ("configurations: [{seed: 1}]\ngrid: {seed: [1]}", "write either"),
        ("model: model_none\ngrid: {seed: [1]}", "There is no model_none.yaml"),
        ("model: 5\ngrid: {seed: [1]}", "write the name of a model file"),
        ("configurations: []", "a list with at least one"),
        ("configurations: [5]", "configuration 1: write the settings"),
        ("configurations: [{5: 6}]", "configuration 1: write the settings"),
        ("configurations: [{seeds: 1}]", "configuration 1, over model.yaml: seeds: unknown key"),
        ("configurations: [{params.trees: 1}]", "configuration 1: params of detector isolation_forest"),
        ("configurations: [{seed: 1}, {seed: -1}]", "configuration 2, over model.yaml: seed:"),
        ("configurations: [{seed: 42}]", "are those of the base"),
        ("configurations: [{seed: 1}, {seed: 1, name: again}]", "are those of configuration 1"),
        ("configurations: [{seed: 1, name: a}, {seed: 2, name: a}]", "two configurations are called 'a'"),
        ("configurations: [{seed: 1, name: base}]", "not 'base'"),
        ('configurations: [{seed: 1, name: "a<b"}]', "name: use at most 64"),
        ("configurations: [{params: {n_estimators: 5}, params.max_samples: 0.5}]", "are both given"),
        ("grid: {}", "at least one parameter"),
        ("grid: {seed: 1}", "seed: write a list of values"),
        ("grid: {seed: [1, 1]}", "another combination has the same settings"),
        ("grid: {seed: [42]}", "its only combination is model.yaml as it stands"),
        (
            "grid: {params.n_estimators: [5, 0]}",
            "grid: n_estimators=0: params of detector isolation_forest: The 'n_est",
        ),
        ("grid: {params.n_estimators: [many]}", "n_estimators=many: params of detector isolation_forest: The 'n_est"),
        ("grid: {seed: [99999999999999999999]}", "params of detector isolation_forest: The 'random_state'"),
        ("model: model_lof\ngrid: {params.n_neighbors: [.5]}", "params of detector local_outlier_factor: The 'n_nei"),
        (
            "model: model_ensemble\nconfigurations: [{members: [{detector: isolation_forest, params: {max_samples: -1}}, "
            "{detector: robust_z_score}]}]",
            "configuration 1: params of detector ensemble: The 'max_samples'",
        ),
        ("grid: {contamination: [.nan]}", "contamination: Input should be a finite number"),
        ("grid: {params: [1]}", "params: Input should be an object (found 1)."),
        ("grid: {seed: [1, 2], params.trees: [3]}", "grid: seed=1, trees=3: params of detector"),
    ],
)
def test_what_can_not_be_trained_is_refused_with_its_place(text, says):
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert says in str(refused.value)
    assert str(refused.value).startswith("trees.yaml: ")


def test_absurd_grids_are_refused_before_they_are_made():
    many = list(range(1000))
    with pytest.raises(ConfigError, match="these are 1,000,000,000 configurations, and a sweep has at most 64"):
        read(f"grid: {{seed: {many}, params.n_estimators: {many}, params.max_features: {many}}}")
    entries = ", ".join(f"{{seed: {100 + number}}}" for number in range(MOST + 1))
    with pytest.raises(ConfigError, match="these are 65 configurations"):
        read(f"configurations: [{entries}]")


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True), st.sets(st.integers(10, 14), min_size=1))
def test_every_combination_of_a_grid_is_there_once(seeds, trees):
    found = read(f"grid: {{seed: {seeds}, params.n_estimators: {sorted(trees)}}}")
    pairs = [(each.settings.seed, each.settings.params["n_estimators"]) for each in found[1:]]
    assert sorted(pairs) == sorted((seed, number) for seed in seeds for number in trees)
    assert len({str(recorded_settings(each.settings)) for each in found}) == len(found)
