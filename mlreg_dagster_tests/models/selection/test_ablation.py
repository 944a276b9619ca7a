"""Lists of features held against all of them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.models.evaluation.rounds import PlantedRound
from mlreg_dagster.models.selection import ablation
from mlreg_dagster.models.selection.ablation import Judged, ablate

HOURS, INSTRUMENTS = 6, 20


class Fitted:
    """Scores by the first feature of its list: `told` finds what was planted, `noise` does not."""

    def __init__(self, settings, _fold):
        self.features, self.seed = settings.features, settings.seed

    def score_rounds(self, rounds):
        return [each.rows[self.features[0]].to_numpy() for each in rounds]

    def worth(self, fold, _budget):
        return None if fold.worth is None else fold.worth + (self.features[0] == "told") / 2 + self.seed / 100


def round_of(seed):
    rng, count = np.random.default_rng(seed), HOURS * INSTRUMENTS
    planted = np.arange(count) % HOURS == 0
    hours = np.tile(pd.date_range("2026-01-01", periods=HOURS, freq="h", tz="UTC"), INSTRUMENTS)
    names = np.repeat([f"coin-{number:02}" for number in range(INSTRUMENTS)], HOURS)
    noise = rng.normal(size=count)
    rows = pd.DataFrame({"hour": hours, "instrument_id": names, "told": planted * 9 + noise, "noise": noise})
    return PlantedRound("burst", rows, planted, seed, "2026-01-01")


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr(ablation, "fit_fold", Fitted)

    def hold(lists, worths=(0.1, 0.3)):
        folds = [SimpleNamespace(rounds=[round_of(number)], worth=worth) for number, worth in enumerate(worths)]
        settings = ComparisonSettings(bootstrap_samples=200, min_instruments=2, refits=2)
        told = []
        rows = list(ablate(Judged(folds, ModelSettings(seed=0), settings), lists, told.append))
        assert told == [f"ablation: {name}" for name in lists]
        return {each.name: each for each in rows}

    return hold


def test_the_first_list_is_what_others_are_held_against(found):
    rows = found({"all": ["told", "noise"], "proposed": ["told"], "without told": ["noise"]})
    whole, same, less = rows.values()
    assert (whole.average_precision, whole.difference, whole.verdict) == (1.0, None, None)
    assert (whole.features, same.features) == (2, 1)
    assert (same.difference, same.verdict) == (0, "not distinguishable")
    assert less.verdict == "worse"
    assert less.difference == pytest.approx(less.average_precision - 1)
    assert less.low <= less.difference <= less.high < 0


def test_worth_is_a_mean_over_folds_and_seeds_where_crashes_are_known(found):
    rows = found({"all": ["told"], "without told": ["noise"]}, worths=(0.1, 0.3, None))
    assert rows["all"].worth == pytest.approx(0.2 + 0.5 + 0.01)
    assert rows["without told"].worth_difference == pytest.approx(-0.5)
    rows = found({"all": ["told"], "without told": ["noise"]}, worths=(None, None))
    assert {each.worth for each in rows.values()} == {None}
    assert rows["without told"].worth_difference is None
