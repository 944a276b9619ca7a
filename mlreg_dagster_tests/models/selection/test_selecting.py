"""What is proposed, how stable it is, and when nothing is."""

from dataclasses import replace

import pytest
import yaml

from mlreg_dagster.extensions import load_extensions
from mlreg_dagster.models.selection.ablation import Ablation
from mlreg_dagster.models.selection.folds import CannotSelect
from mlreg_dagster.models.selection.selecting import (
    Family,
    _told,
    family_of_each,
    features_of,
    fragment,
    members_of,
    select_features,
    steps,
)
from mlreg_dagster.models.training import CannotTrain
from mlreg_dagster_tests.extensions.conftest import install, plugin_folder, write_plugin

__all__ = ["install", "plugin_folder", "write_plugin"]

PLUGIN = """
from mlreg_dagster.extensions import feature

@feature("turnover_lag_9h", lookback=9, description="What was traded", unit="1", family="volume")
def turnover(grid):
    return grid.lagged("volume_24h", 9)

@feature("slog_volume_24h_own", lookback=0, description="Own", unit="1")
def own(grid):
    return grid.now("volume_24h")
"""

CHOSEN = ["slog_volume_24h", "slog_volume_24h_lag_1h", "hour_of_day", "is_gap"]  # volume, clock, gaps


def of_model(settings, **changes):
    model = settings.model("model").model_copy(update={"detector": "robust_z_score", "params": {}, **changes})
    injection = settings.evaluation.injection.model_copy(update={"volume_factor": 1e6})
    evaluation = settings.evaluation.model_copy(update={"injection": injection})
    return settings.model_copy(update={"models": {"model": model}, "evaluation": evaluation})


@pytest.fixture(scope="module")
def selected(dataset, market, settings):
    """A detector that can find bursts of the volume, and two families that say nothing of any anomaly."""
    told = []
    chosen = of_model(settings, features=CHOSEN)
    found = select_features(dataset, market, "model", chosen, folds=2, seeds=1, refits=3, note=told.append)
    return found, told, chosen.model("model")


@pytest.mark.slow
def test_what_the_detector_needs_comes_first_and_what_says_nothing_is_not_kept(selected):
    found, _, _ = selected
    assert found.families[0].family == "volume"
    assert found.families[0].features == ("slog_volume_24h", "slog_volume_24h_lag_1h")
    assert {each.family for each in found.families if each.drop == 0} >= {"gaps"}
    assert not any(each.kept for each in found.families[1:])
    assert found.families[0].top_share == 1.0
    for each in found.families:
        assert each.low is None or each.low <= each.drop <= each.high


@pytest.mark.slow
def test_every_list_is_held_against_all_on_the_same_anomalies(selected, dataset):
    found, told, model = selected
    by_name = {each.name: each for each in found.ablation}
    assert by_name["all"].features == 4
    assert by_name["all"].difference is None
    for name in ("without volume", "without clock", "without gaps"):
        each = by_name[name]
        assert each.difference == pytest.approx(each.average_precision - by_name["all"].average_precision)
    assert by_name["without volume"].difference < -0.05
    assert by_name["without gaps"].difference == 0
    assert not set(found.planting_seeds) & set(found.ablation_seeds)
    assert len(told) <= steps(dataset, model)


@pytest.mark.slow
def test_the_fragment_is_a_part_of_a_model_file(selected):
    found, _, _ = selected
    lines = fragment(replace(found, features=("slog_volume_24h",), outcome="proposed"))
    assert yaml.safe_load("\n".join(lines)) == {"features": ["slog_volume_24h"]}
    kept = fragment(replace(found, features=None, outcome="nothing can be told"))
    assert yaml.safe_load("\n".join(kept)) == {"features": None}
    assert all(line.startswith("#") for line in kept[:2])


def family(name, kept):
    return Family(name, (name,), 0.1, 0.01, 0.2, None, None, None, 0.9, kept)


@pytest.mark.parametrize(
    ("kept", "verdict", "outcome", "said"),
    [
        ((), None, "nothing can be told", "Nothing can be told: no family of features"),
        (("a", "b"), None, "all are needed", "Every family of features"),
        (("a",), "worse", "finds less", "find less alone than all do (difference in average precision -0.1000"),
        (
            ("a",),
            "not distinguishable",
            "proposed",
            "the 1 features of a: what they find is not told apart",
        ),
        (("a",), "better", "proposed", "what they find is more than all 2 find"),
    ],
)
def test_nothing_told_apart_is_a_result_and_a_worse_list_is_not_proposed(kept, verdict, outcome, said):
    families = [family(name, name in kept) for name in ("a", "b")]
    ablation = {"proposed": Ablation("proposed", len(kept), 0.4, -0.1, -0.2, 0.1, verdict)}
    found, sentence = _told(families, kept, ("a", "b"), ablation, 0.95)
    assert found == outcome
    assert said in sentence


def test_what_can_not_be_selected_is_refused_in_words(dataset, market, settings):
    one = of_model(settings, features=["slog_volume_24h", "slog_volume_24h_lag_1h"])
    with pytest.raises(CannotSelect, match=r"features of one family alone, volume: nothing can be left out\."):
        select_features(dataset, market, "model", one)
    with pytest.raises(CannotTrain, match=r"does not have: moon\."):
        features_of(dataset, one.model("model").model_copy(update={"features": ["moon"]}))


def test_a_feature_stands_with_its_family_and_one_of_a_plug_in_that_names_none_by_itself(dataset, install):
    """Whatever its name looks like."""
    install("own-features", "1.0", "own_features", PLUGIN)
    load_extensions()
    own = ["turnover_lag_9h", "slog_volume_24h_own"]
    lineage = {"feature_settings": {**dataset.lineage["feature_settings"], "own": dict.fromkeys(own, "1")}}
    found = family_of_each(replace(dataset, lineage=lineage), ["slog_volume_24h", *own, "slog_volume_24h_lag_1h"])
    assert members_of(found) == {
        "volume": ("slog_volume_24h", "turnover_lag_9h", "slog_volume_24h_lag_1h"),
        "slog_volume_24h_own": ("slog_volume_24h_own",),
    }
