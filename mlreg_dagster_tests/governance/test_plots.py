import pandas as pd
import pytest

from mlreg_dagster.governance.plots import alias_timeline
from mlreg_dagster.registry import AliasEvent
from mlreg_dagster_tests.svg import is_a_sentence, words_of

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning")  # numpy's and matplotlib's

START = pd.Timestamp("2020-01-01", tz="UTC")


def moves(*holders):
    """Moves of champion from (version, hours since START)."""
    times = [(version, START + pd.Timedelta(hours=hours)) for version, hours in holders]
    return [
        AliasEvent(n, "champion", n, version, None, "0" * 64, 1, time, time, "ann", "better", None, {})
        for n, (version, time) in enumerate(times, start=1)
    ]


@pytest.mark.parametrize("holders", [[("v1", 0)], [("v1", 0), ("v2", 20), ("v1", 40)], [("v1", 48), ("v2", 48)]])
def test_the_holders_of_an_alias_are_drawn(holders):
    assert words_of(alias_timeline(moves(*holders), START + pd.Timedelta(hours=48))) == "Timeline of champion"


def test_where_nobody_held_an_alias_a_sentence_says_so():
    assert is_a_sentence(alias_timeline([], START))
