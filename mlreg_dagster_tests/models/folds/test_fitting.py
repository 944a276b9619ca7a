"""A fold is fitted to its training rows alone, and judged where a crash is among what it judges."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.datasets.labels import LABEL
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.models.folds.fitting import fit_fold
from mlreg_dagster.models.folds.material import Fold
from mlreg_dagster.models.folds.splits import Split
from mlreg_dagster.models.training import CannotTrain

FIRST = as_hour("2026-01-01")
MIDDLE, END = FIRST + pd.Timedelta(hours=48), FIRST + pd.Timedelta(hours=72)


def rows(window, **columns):
    hours = window.hours
    rng = np.random.default_rng(len(hours))
    return pd.DataFrame({"hour": hours, "instrument_id": "a", "x": rng.normal(size=len(hours)), **columns})


def fold(crashed=(), judged_x=None, train=None):
    split = Split(Window(FIRST, MIDDLE), Window(MIDDLE, END))
    judged = rows(split.judged, **{LABEL: "no_crash"})
    judged.loc[list(crashed), LABEL] = "crash"
    if judged_x is not None:
        judged["x"] = judged_x
    known = Dataset("to 2026-01-02", rows(split.train) if train is None else train, None, split.train, {}, "")
    return Fold(split, known, judged, [])


def test_judged_rows_do_not_reach_the_fit():
    settings = ModelSettings(detector="robust_z_score", params={})
    asked = pd.DataFrame({"x": [0.0, 1.0, 5.0]})
    usual, wild = (fit_fold(settings, fold(judged_x=x)).score(asked) for x in (None, 1e6))
    assert (usual == wild).all()
    assert usual[2] > usual[0]


def test_worth_is_the_precision_at_the_budget_and_undefined_without_a_crash():
    settings = ModelSettings(detector="robust_z_score", params={})
    outlying = np.zeros(24)
    outlying[[3, 7]] = 50.0
    found = fold(crashed=[3], judged_x=outlying)
    assert fit_fold(settings, found).worth(found, budget=2 / 24) == 0.5
    quiet = fold(judged_x=outlying)
    assert fit_fold(settings, quiet).worth(quiet, budget=2 / 24) is None


@pytest.mark.parametrize(("settings", "train", "said"), [
    ({"detector": "local_outlier_factor", "params": {"n_neighbors": 60}}, None, "n_neighbors 60"),
    ({"detector": "robust_z_score", "params": {}}, {"x": 1.0}, "No feature varies"),
    ({"detector": "isolation_forest", "params": {"max_samples": -3}}, None, "max_samples"),
    ({"detector": "robust_z_score", "params": {}, "features": ["y"]}, None, "does not have: y"),
])  # fmt: skip
def test_what_can_not_be_fitted_is_refused_in_words(settings, train, said):
    known = None if train is None else rows(Window(FIRST, MIDDLE)).assign(**train)
    with pytest.raises(CannotTrain, match=said):
        fit_fold(ModelSettings(**settings), fold(train=known))


def test_the_rows_that_are_named_are_those_that_are_fitted():
    settings, half = ModelSettings(detector="robust_z_score", params={}), fold()
    asked = pd.DataFrame({"x": [2.0]})
    few = half.train.rows.head(8)
    alone = fit_fold(settings, fold(train=few)).score(asked)
    assert fit_fold(settings, half, rows=few).score(asked) == alone
    assert fit_fold(settings, half).score(asked) != alone
