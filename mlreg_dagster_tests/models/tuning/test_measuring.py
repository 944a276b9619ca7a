"""What a study says of its best: tuned against default, in figures and in a sentence."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.config.sections.tuning import ObjectiveSettings
from mlreg_dagster.datasets.labels import LABEL
from mlreg_dagster.models.folds.material import Fold
from mlreg_dagster.models.tuning import measuring
from mlreg_dagster.models.tuning.measuring import sentence
from mlreg_dagster.models.tuning.record import Measured

EQUAL = ObjectiveSettings()


def measured(figure="planted", verdict="not distinguishable"):
    return Measured(figure, 0.52, 0.5, 0.02, -0.01, 0.05, verdict, "of 24 instruments.")


@pytest.mark.parametrize(
    ("best", "found", "begins"),
    [
        (None, (), "No result: "),
        (0, (), "No gain: no trial was better than the default settings"),
        (3, (measured(), measured("worth")), "No gain can be told: trial 3 is not distinguishable"),
        (3, (measured(verdict="better"), measured("worth")), "A gain: trial 3 is better"),
        (3, (measured(verdict="worse"), measured("worth", "better")), "No gain: trial 3 is worse"),
        (3, (measured(), measured("worth", "better")), "A gain: trial 3 is better"),
    ],
)
def test_the_result_is_one_sentence_that_claims_no_more_than_the_interval(best, found, begins):
    said = sentence(best, found, EQUAL, "2 days")
    assert said.startswith(begins)
    assert said.endswith(".")


def test_a_figure_without_weight_is_not_spoken_of():
    only_planted = ObjectiveSettings(planted=1, worth=0)
    said = sentence(3, (measured(), measured("worth", "better")), only_planted, "2 days")
    assert said.startswith("No gain can be told")


class Scorer:
    """A fit that scores judged rows by one of their columns."""

    def __init__(self, column):
        self.column = column

    def select(self, rows):
        return rows

    def score(self, rows):
        return rows[self.column].to_numpy()

    def score_rounds(self, rounds):
        return [self.score(each.rows) for each in rounds]


def fold_of(days, crashes=2):
    """Rows of so many days; `right` ranks those before a crash first, `wrong` last, `mixed` does both by turns."""
    hours = pd.date_range("2026-01-01", periods=24 * days, freq="h", tz="UTC")
    crashed = np.arange(len(hours)) % 24 >= 24 - crashes
    columns = {"right": crashed + 0.0, "wrong": 1.0 - crashed, "flat": np.zeros(len(hours))}
    columns["mixed"] = np.where(hours.day % 2 == 0, columns["right"], columns["wrong"])
    rows = pd.DataFrame({"hour": hours, **columns})
    return Fold(None, None, rows.assign(**{LABEL: np.where(crashed, "crash", "no_crash")}), [])


def worth_of(monkeypatch, tuned, default, fold):
    monkeypatch.setattr(measuring, "fit_fold", lambda settings, _fold: Scorer(settings.detector))
    settings = [
        SimpleNamespace(detector=each, flagging=SimpleNamespace(budget=2 / 24), seed=0) for each in (tuned, default)
    ]
    planted, worth = measuring.measure(*settings, fold, ComparisonSettings(refits=0))
    assert (planted.tuned, planted.difference) == (None, None)  # nothing was planted
    return worth


@pytest.mark.parametrize(
    ("tuned", "default", "verdict"),
    [
        ("right", "wrong", "better"),
        ("wrong", "right", "worse"),
        ("right", "right", "not distinguishable"),
        ("mixed", "flat", "not distinguishable"),
    ],
)
def test_worth_is_told_apart_by_days(monkeypatch, tuned, default, verdict):
    found = worth_of(monkeypatch, tuned, default, fold_of(6))
    assert (found.verdict, found.difference) == (verdict, found.tuned - found.default)
    assert found.low <= found.difference <= found.high
    assert found.reason.endswith("of 6 days.")


def test_few_days_have_no_interval_and_days_without_a_crash_no_figure(monkeypatch):
    found = worth_of(monkeypatch, "right", "wrong", fold_of(5))
    assert (found.tuned, found.low, found.verdict) == (1.0, None, "not distinguishable")
    assert found.reason == "too few samples: 5 days, asked are 6."
    found = worth_of(monkeypatch, "right", "wrong", fold_of(6, crashes=0))
    assert (found.tuned, found.verdict) == (None, "not distinguishable")
    assert "no crash follows any of 144 rows" in found.reason
