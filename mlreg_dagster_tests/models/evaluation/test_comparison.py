from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.models.artifacts.artifact import FeatureMismatch
from mlreg_dagster.models.evaluation.comparison import compare
from mlreg_dagster.models.evaluation.planted import precision_difference
from mlreg_dagster.models.evaluation.rounds import PlantedRound, average_precision_by_kind, score_rounds
from mlreg_dagster_tests.models.builders import with_manifest, with_rows


@pytest.fixture
def left(model_of):
    return model_of("isolation_forest")


@pytest.fixture
def right(model_of):
    return with_manifest(model_of("local_outlier_factor"), version="v2")


def test_both_score_the_same_rows_and_the_same_planted_anomalies(world, rounds, left, right):
    found = compare(left, right, world.holdout, rounds, USUAL)
    assert (found.left, found.right, found.rows) == ("v1", "v2", len(world.holdout.rows))
    scores = [model.score(model.select(world.holdout.rows)) for model in (left, right)]
    flags = [
        score > model.thresholds(world.holdout.rows["hour"], score)
        for score, model in zip(scores, (left, right), strict=True)
    ]
    assert found.anomaly_rate == (flags[0].mean(), flags[1].mean())
    assert found.agreement == np.mean(flags[0] == flags[1])
    assert found.rank_correlation == pytest.approx(pd.Series(scores[0]).corr(pd.Series(scores[1]), method="spearman"))
    for model, precision in zip((left, right), found.average_precision, strict=True):
        assert precision == pytest.approx(np.mean(list(average_precision_by_kind(model, model.score, rounds).values())))


def test_left_and_right_are_alike_but_for_their_places(world, rounds, left, right):
    one, other = compare(left, right, world.holdout, rounds, USUAL), compare(right, left, world.holdout, rounds, USUAL)
    assert (one.left, one.average_precision) == (other.right, other.average_precision[::-1])
    assert (one.agreement, one.anomaly_rate) == (other.agreement, other.anomaly_rate[::-1])


def test_a_model_agrees_with_itself(world, rounds, left):
    found = compare(left, left, world.holdout, rounds, USUAL)
    assert (found.agreement, found.rank_correlation) == (1.0, pytest.approx(1.0))


def test_where_nothing_was_planted_or_scores_are_constant_there_is_no_number(world, left, right):
    found = compare(left, right, with_rows(world.holdout, world.holdout.rows.iloc[[3]]), [], USUAL)
    assert found.average_precision == (None, None)
    assert found.rank_correlation is None


def test_versions_that_knew_the_holdout_are_named(world, left, right):
    first = world.holdout.window.first
    later = with_manifest(right, training_end=(first + pd.Timedelta(hours=1)).isoformat())
    assert compare(left, right, world.holdout, [], USUAL).in_sample == ()
    assert compare(left, later, world.holdout, [], USUAL).in_sample == ("v2",)
    assert compare(later, later, world.holdout, [], USUAL).in_sample == ("v2", "v2")


def test_a_model_of_a_later_day_that_was_not_trained_on_the_holdout_does_not_know_it(world, left, right):
    """With an embargo of a day, training ends before the holdout of the day before."""
    later = with_manifest(right, scores_from=(world.holdout.window.end + pd.Timedelta(days=1)).isoformat())
    assert compare(left, later, world.holdout, [], USUAL).in_sample == ()


def test_a_holdout_without_the_features_of_one_is_refused(world, left, right):
    lacking = with_rows(world.holdout, world.holdout.rows.drop(columns="is_gap"))
    with pytest.raises(FeatureMismatch, match=r"missing \['is_gap'\]"):
        compare(left, right, lacking, [], USUAL)


# --- told apart ---------------------------------------------------------------------------------------------

USUAL = ComparisonSettings()
FEW = ComparisonSettings(min_instruments=2, bootstrap_samples=200)


def planted_market(instruments=30, hours=8, kinds=("shock", "swap"), seed=0):
    """Rounds with one planted row in every third instrument, and a share of noise in what is seen of them."""
    rng = np.random.default_rng(seed)
    rounds = []
    for kind in kinds:
        names = np.repeat([f"coin{number}" for number in range(instruments)], hours)
        planted = np.zeros(len(names), dtype=bool)
        planted[np.arange(0, instruments, 3) * hours + rng.integers(hours)] = True
        rounds.append(PlantedRound(kind, pd.DataFrame({"instrument_id": names}), planted))
    return rounds


def seeing(rounds, sharpness, seed):
    """Scores that find what was planted the better the sharper they are."""
    rng = np.random.default_rng(seed)
    return [sharpness * each.planted + rng.normal(size=len(each.planted)) for each in rounds]


@pytest.mark.parametrize(
    ("left", "right", "verdict"), [(5.0, 1.0, "better"), (1.0, 5.0, "worse"), (2.0, 2.0, "not distinguishable")]
)
def test_the_sharper_one_is_better(left, right, verdict):
    rounds = planted_market()
    found = precision_difference(rounds, seeing(rounds, left, 1), seeing(rounds, right, 2), FEW)
    assert (found.verdict, found.samples) == (verdict, 10)
    assert found.low < found.difference < found.high
    mirrored = precision_difference(rounds, seeing(rounds, right, 2), seeing(rounds, left, 1), FEW)
    assert (mirrored.difference, mirrored.low) == (pytest.approx(-found.difference), pytest.approx(-found.high))


def test_two_that_see_alike_are_seldom_told_apart():
    """Equal in distribution, sixty times: about one in twenty may be told apart."""
    rounds = planted_market()
    verdicts = [
        precision_difference(rounds, seeing(rounds, 2.0, 2 * n), seeing(rounds, 2.0, 2 * n + 1), FEW).verdict
        for n in range(60)
    ]
    assert verdicts.count("not distinguishable") >= 50


def test_the_difference_is_that_of_the_precisions_whatever_the_order_of_rows(world, rounds, left, right):
    found = compare(left, right, world.holdout, rounds, FEW)
    assert found.difference == pytest.approx(found.average_precision[0] - found.average_precision[1])
    assert found == compare(left, right, world.holdout, rounds, FEW)
    rng = np.random.default_rng(0)
    shuffled = []
    for each in rounds:
        order = rng.permutation(len(each.rows))
        shuffled.append(replace(each, rows=each.rows.iloc[order].reset_index(drop=True), planted=each.planted[order]))
    scores = [score_rounds(model, model.score, rounds) for model in (left, right)]
    again = [score_rounds(model, model.score, shuffled) for model in (left, right)]
    assert [each.sum() for each in scores[0]] == pytest.approx([each.sum() for each in again[0]])
    assert precision_difference(shuffled, *again, FEW).difference == pytest.approx(found.difference)


def test_too_few_instruments_with_anomalies_are_said(world, rounds, left, right):
    found = compare(left, right, world.holdout, rounds, USUAL)
    assert (found.verdict, found.low, found.high) == ("not distinguishable", None, None)
    assert found.reason == f"too few samples: {found.samples} instruments tell something, asked are 20."
    assert compare(left, right, world.holdout, [], USUAL).reason == "too few samples: there is no instrument."
