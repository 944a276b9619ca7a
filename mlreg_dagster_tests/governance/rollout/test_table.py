"""All combinations of what a rollout is judged by, against the rows as people read them."""

from functools import cache
from itertools import product

import pytest

from mlreg_dagster.governance.rollout.states import ENDED, INTO_SERVING, OPEN, STEPS, WEIGHTS, following
from mlreg_dagster.governance.rollout.table import Facts, judge

ROWS = """
 1 | any      | invalid                                     | rolled_back
 2 | any      | breach                                      | rolled_back
 3 | test     | labels worse                                | finished
 3 | any      | labels worse                                | rolled_back
 4 | served   | flagged out                                 | rolled_back
12 | test     | too early                                   | as before
12 | test     |                                             | finished
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
    "test": ("ab",),
    "served": ("shadow", "canary_5", "canary_25", "canary_50", "full", "ab"),
    "canary": ("canary_5", "canary_25", "canary_50"),
    "not full": ("staging", "shadow", "canary_5", "canary_25", "canary_50"),
    "last": ("canary_50",),
}
NEXT = {
    False: dict(zip(INTO_SERVING, (*INTO_SERVING[1:], "closed"), strict=True)),
    True: {"staging": "ab", "ab": "finished"},
}
"""By whether the rollout is an A/B test."""
CASES = [(state, ab) for ab, steps in NEXT.items() for state in steps]


def expected(facts):
    for line in ROWS.strip().splitlines():
        row, states, conditions, state = (part.strip() for part in line.split("|"))
        if facts.state in STATES[states] and all(IS[each](facts) for each in conditions.split(", ") if each):
            return int(row), {"as before": facts.state, "next": NEXT[facts.ab][facts.state]}.get(state, state)
    raise AssertionError("no row fits")


def combinations(state, ab):
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
            state, STEPS, invalid, breaches, labels, out, split, blocked, long, dwelled, requests, pairs, approved,
            asks, ab,
        )  # fmt: skip


@cache
def judged(state, ab):
    return [(facts, judge(facts)) for facts in combinations(state, ab)]


@pytest.mark.parametrize(("state", "ab"), CASES)
def test_every_combination_is_decided_as_the_list_says(state, ab):
    rows = set()
    for facts, found in judged(state, ab):
        rows.add(found.row)
        assert (found.row, found.state) == expected(facts), facts
        rulings = {"rolled_back": "roll_back", "finished": "finish", facts.state: "hold"}
        assert found.ruling == rulings.get(found.state, "advance")
        assert found.reason.endswith(".")
    assert rows >= ({1, 2, 3, 4, 12} if state == "ab" else {1, 2, 3, 6, 7, 8, 11})


def test_every_row_is_reached_somewhere():
    assert {found.row for case in CASES for _, found in judged(*case)} == set(range(1, 13))


def test_nothing_gets_all_traffic_without_approval_time_and_requests():
    for state, ab in CASES:
        for facts, found in judged(state, ab):
            if found.ruling == "advance":
                assert facts.dwelled
                assert facts.enough_requests
                assert facts.enough_pairs
                assert facts.approved or state == "full"
                assert facts.labels != "worse"
                assert (facts.invalid, facts.breaches, facts.blocked) == (None, (), ())


@pytest.mark.parametrize(("state", "ab"), CASES)
def test_every_state_can_be_left_in_both_directions(state, ab):
    assert {found.state for _, found in judged(state, ab)} == {state, NEXT[ab][state], "rolled_back"}


def test_every_open_state_is_on_a_way():
    assert {state for state, _ in CASES} == set(OPEN)


def test_an_ab_test_never_gets_all_traffic():
    reached = {found.state for case in CASES if case[1] for _, found in judged(*case)}
    assert reached == {"staging", "ab", "finished", "rolled_back"}


def test_an_ab_test_ends_with_its_days_whatever_holds_a_rollout_up():
    ended = {found.state for facts, found in judged("ab", True) if facts.dwelled}
    assert ended == {"finished", "rolled_back"}


@pytest.mark.parametrize("state", ENDED)
def test_what_has_ended_stays_so(state):
    assert {(found.row, found.state) for _, found in judged(state, False)} == {(0, state)}


def test_steps_that_a_policy_leaves_out_are_left_out():
    walked = ["staging"]
    while walked[-1] != "closed":
        walked.append(following(walked[-1], ("canary_5", "canary_50")))
    assert walked == ["staging", "canary_5", "canary_50", "full", "closed"]
    assert following("shadow", ("canary_50",)) == "canary_50", "a policy that changed meanwhile leads on"


def test_traffic_only_grows_on_the_way():
    weights = [WEIGHTS[state] for state in INTO_SERVING]
    assert weights == sorted(weights)
    assert weights[-1] == 10_000
