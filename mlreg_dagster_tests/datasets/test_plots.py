import warnings

import pytest

from mlreg_dagster.datasets.plots import coverage_picture
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster_tests.market.frames import at, random_market
from mlreg_dagster_tests.svg import words_of

pytestmark = pytest.mark.pictures

ROWS = random_market(1, length=60)


@pytest.mark.parametrize("rows", [ROWS, ROWS.iloc[[20]], ROWS.iloc[:0]], ids=["many", "one", "none"])
def test_the_coverage_of_a_window_is_drawn(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for window in (Window(at(0), at(60)), Window(at(10), at(11))):
            assert words_of(coverage_picture(rows, window)) == "Rows of the dataset by hour"
