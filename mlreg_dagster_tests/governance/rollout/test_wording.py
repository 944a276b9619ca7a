"""A rollout reads the same in every command, card and report."""

import pytest

from mlreg_dagster.governance.rollout.wording import split_in_words
from mlreg_dagster.registry.records.traffic import TrafficEvent
from mlreg_dagster_tests.registry.builders import NOW, sha

SINCE = f"{NOW:%Y-%m-%d %H:%M} UTC"


def event(state, weight=0):
    return TrafficEvent(
        id=1,
        alias="champion",
        sequence=3,
        rollout=1,
        state=state,
        champion="v1",
        champion_sha256=sha("v1"),
        candidate="v2",
        candidate_sha256=sha("v2"),
        weight=weight,
        shadow=True,
        salt="s",
        ruling="advance",
        facts={},
        alias_sequence=None,
        effective_at=NOW,
        actor="anna",
        reason="as planned",
        recorded_at=NOW,
        run_id=None,
    )


@pytest.mark.parametrize(
    ("state", "weight", "sentence"),
    [
        ("shadow", 0, "v2 is rolled out in place of v1: shadow, 0 % of the traffic of champion, since {}."),
        ("canary_5", 500, "v2 is rolled out in place of v1: canary 5, 5 % of the traffic of champion, since {}."),
        ("ab", 1_250, "An A/B test of v2 against v1: 12.5 % of the traffic of champion, since {}."),
        ("finished", 0, "The A/B test of v2 against v1 has ended, since {}: as planned"),
        ("closed", 10_000, "The rollout of v2 in place of v1 ended with all traffic, since {}: as planned"),
        ("rolled_back", 0, "The rollout of v2 in place of v1 was rolled back, since {}: as planned"),
    ],
)
def test_each_state_in_a_sentence(state, weight, sentence):
    assert split_in_words(event(state, weight)) == sentence.format(SINCE)
