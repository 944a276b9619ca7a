"""All combinations of what a rollout is judged by, against the rows as people read them."""

from functools import cache
from itertools import product

import pytest

from mlreg_dagster.governance.rollout.states import ENDED, OPEN, STEPS, WEIGHTS, following
from mlreg_dagster.governance.rollout.table import Facts, judge

ROWS = """
 1 | any      | invalid                                     | rolled_back
 2 | any      | breach                                      | rolled_back
 3 | any      | labels worse                                | rolled_back
 4 | served   | flagged out                                 | rolled_back
 5 | canary   | split off, too long                         | rolled_back
 5 | canary   | split off                                   | as before
 6 | any      | blocked, too long                           | rolled_back
 6 | any      | blocked                                     | as before
 7 | any      | too early, too long                         | rolled_back
 7 | any      | too early                                   | as before
 8 | any      | too few, too long                           | rolled_back
 8 | any      | too few                                     | as before
 9 | not full | not approved, too long                      | rolled_back
 9 | not full | not approved                                | as before
10 | last     | asks for labels, labels undecided, too long | rolled_back
10 | last     | asks for labels, labels undecided           | as before
11 | any      |                                             | next
"""
IS = {
    "invalid": lambda f: f.invalid is not None,
    "breach": lambda f: f.breaches != (),
    "labels worse": lambda f: f.labels == "worse",
    "labels undecided": lambda f: f.labels == "undecided",
    "asks for labels": lambda f: f.requires_not_worse,
    "flagged out": lambda f: f.flagged_out,
    "split off": lambda f: f.split_is_off,
    "blocked": lambda f: f.blocked != (),
    "too long": lambda f: f.held_too_long,
    "too early": lambda f: not f.dwelled,
    "too few": lambda f: not f.enough_requests or not f.enough_pairs,
    "not approved": lambda f: not f.approved,
}
STATES = {
    "any": OPEN,
    "served": ("shadow", "canary_5", "canary_25", "canary_50", "full"),
    "canary": ("canary_5", "canary_25", "canary_50"),
    "not full": ("staging", "shadow", "canary_5", "canary_25", "canary_50"),
    "last": ("canary_50",),
}
NEXT = dict(zip(OPEN, (*OPEN[1:], "closed"), strict=True))


def expected(facts):
    for line in ROWS.strip().splitlines():
        row, states, conditions, state = (part.strip() for part in line.split("|"))
        if facts.state in STATES[states] and all(IS[each](facts) for each in conditions.split(", ") if each):
            return int(row), {"as before": facts.state, "next": NEXT[facts.state]}.get(state, state)
    raise AssertionError("no row fits")


def combinations(state):
    flags = list(product((False, True), repeat=7))
    causes = product(
        (None, "It was rejected."),
        ((), ("errors",)),
        ("undecided", "not_worse", "worse"),
        ((), ("paused",)),
        (False, True),
    )
    for (invalid, breaches, labels, blocked, asks), own in product(causes, flags):
        out, split, long, dwelled, requests, pairs, approved = own
        yield Facts(
            state, STEPS, invalid, breaches, labels, out, split, blocked, long, dwelled, requests, pairs, approved, asks
        )


@cache
def judged(state):
    return [(facts, judge(facts)) for facts in combinations(state)]


@pytest.mark.parametrize("state", OPEN)
def test_every_combination_is_decided_as_the_list_says(state):
    rows = set()
    for facts, found in judged(state):
        rows.add(found.row)
        assert (found.row, found.state) == expected(facts), facts
        assert found.ruling == {"rolled_back": "roll_back", facts.state: "hold"}.get(found.state, "advance")
        assert found.reason.endswith(".")
    assert rows >= {1, 2, 3, 6, 7, 8, 11}


def test_every_row_is_reached_somewhere():
    assert {found.row for state in OPEN for _, found in judged(state)} == set(range(1, 12))


def test_nothing_gets_all_traffic_without_approval_time_and_requests():
    for state in OPEN:
        for facts, found in judged(state):
            if found.ruling == "advance":
                assert facts.dwelled
                assert facts.enough_requests
                assert facts.enough_pairs
                assert facts.approved or state == "full"
                assert facts.labels != "worse"
                assert (facts.invalid, facts.breaches, facts.blocked) == (None, (), ())


@pytest.mark.parametrize("state", OPEN)
def test_every_state_can_be_left_in_both_directions(state):
    assert {found.state for _, found in judged(state)} == {state, NEXT[state], "rolled_back"}


@pytest.mark.parametrize("state", ENDED)
def test_what_has_ended_stays_so(state):
    assert {(found.row, found.state) for _, found in judged(state)} == {(0, state)}


def test_steps_that_a_policy_leaves_out_are_left_out():
    walked = ["staging"]
    while walked[-1] != "closed":
        walked.append(following(walked[-1], ("canary_5", "canary_50")))
    assert walked == ["staging", "canary_5", "canary_50", "full", "closed"]
    assert following("shadow", ("canary_50",)) == "canary_50", "a policy that changed meanwhile leads on"


def test_traffic_only_grows_on_the_way():
    weights = [WEIGHTS[state] for state in OPEN]
    assert weights == sorted(weights)
    assert weights[-1] == 10_000
