import pandas as pd
import pytest

from mlreg_dagster.governance.plots import alias_timeline, traffic_timeline
from mlreg_dagster.registry import AliasEvent, TrafficEvent
from mlreg_dagster_tests.svg import is_a_sentence, words_of

pytestmark = [
    pytest.mark.pictures,
    pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning"),  # numpy's and matplotlib's
]

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


def changes(*splits):
    """Changes of one rollout from (state, weight, hours since START)."""
    return [
        TrafficEvent(
            n, "champion", n, 1, state, "v1", "0" * 64, "v2", "1" * 64, weight, False, "s", "advance", {}, None,
            START + pd.Timedelta(hours=hours), "ann", "as planned", START, None,
        )
        for n, (state, weight, hours) in enumerate(splits, start=1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "splits",
    [
        [("staging", 0, 0)],
        [("staging", 0, 0), ("canary_5", 500, 24), ("full", 10_000, 48)],
        [("staging", 0, 0), ("rolled_back", 0, 0)],
        [("staging", 0, 0), ("full", 10_000, 24), ("closed", 10_000, 192)],
    ],
)
def test_the_share_of_a_candidate_is_drawn_over_time(splits):
    picture = traffic_timeline(changes(*splits), START + pd.Timedelta(hours=48))
    assert words_of(picture) == "Share of v2 in the traffic over time"


def test_without_a_rollout_a_sentence_says_so():
    assert is_a_sentence(traffic_timeline([], START))
