"""Which version answers: by weight, always the same for a key, never back while weights rise."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from mlreg_dagster.governance.rollout.states import WEIGHTS
from mlreg_dagster.serving.following.names import Served, ServedRollout
from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.rollout.routing import are_too_far_out, chosen, routed
from mlreg_dagster.serving.scoring.model import NoFiniteScore

CHAMPION: Any = SimpleNamespace(version="v1", sha256="1" * 64, features=("a", "b", "c"))
CANDIDATE: Any = SimpleNamespace(version="v2", sha256="2" * 64, features=("a", "b", "c"))
KEYS = st.text(min_size=1, max_size=200)
RISING = [WEIGHTS[state] for state in ("staging", "shadow", "canary_5", "canary_25", "canary_50", "full")]


def served(weight: int, candidate: Any = CANDIDATE, salt: str = "5a17") -> Served:
    unloadable = None if candidate is not None else "it is damaged"
    rollout = ServedRollout(1, 2, "canary_5", weight, True, salt, candidate, unloadable, "v2")
    return Served("champion", "champion", 1, None, CHAMPION, rollout, "champion")


def version(weight: int, key: str, **changes: Any) -> str:
    return chosen(served(weight, **changes), key).model.version


@settings(max_examples=50)
@given(KEYS, st.text("0123456789abcdef", min_size=16, max_size=16), st.lists(st.integers(0, 10_000), max_size=8))
def test_a_key_never_goes_back_while_weights_rise(key: str, salt: str, weights: list[int]) -> None:
    seen = [version(weight, key, salt=salt) for weight in sorted([*weights, *RISING])]
    assert seen == sorted(seen), "v1 first, then v2 for good"
    assert (seen[0], seen[-1]) == ("v1", "v2")


@pytest.mark.parametrize("weight", [500, 2_500, 5_000])
def test_keys_are_split_by_the_weight(weight: int) -> None:
    number = 20_000
    got = sum(version(weight, f"{number:032x}") == "v2" for number in range(number))
    least, most = binom.ppf([0.0005, 0.9995], number, weight / 10_000)
    assert least <= got <= most


def test_two_rollouts_cut_the_keys_in_two_ways() -> None:
    ways = [[version(5_000, str(number), salt=salt) for number in range(1000)] for salt in ("a", "b")]
    assert 350 < sum(one != other for one, other in zip(*ways, strict=True)) < 650


def test_what_was_chosen_says_which_arm_it_is_and_by_which_change() -> None:
    candidate = chosen(served(10_000), "k")
    assert (candidate.model, candidate.arm, candidate.traffic_sequence) == (CANDIDATE, "candidate", 2)
    assert (candidate.name, candidate.alias, candidate.sequence) == ("champion", "champion", 1)
    champion = chosen(served(0), "k")
    assert (champion.model, champion.arm, champion.traffic_sequence) == (CHAMPION, "champion", 2)
    alone = replace(served(0), rollout=None, arm=None)
    assert chosen(alone, "k") is alone
    assert alone.traffic_sequence is None


def test_the_champion_answers_for_a_candidate_that_cannot_be_loaded() -> None:
    answers = chosen(served(10_000, None), "k")
    assert (answers.model, answers.arm) == (CHAMPION, "champion")
    assert answers.rollout.unloadable == "it is damaged"


def test_with_all_traffic_the_candidate_holds_the_alias_and_stays_the_candidate() -> None:
    full = replace(served(10_000), model=CANDIDATE, arm="candidate")
    assert chosen(full, "k") is full


X = np.arange(6, dtype=np.float64).reshape(2, 3)


def test_rows_are_given_to_a_version_in_its_own_order() -> None:
    turned: Any = SimpleNamespace(version="v2", features=("c", "a", "b"))
    arm, asked = routed(served(10_000, turned), Asked(X=X, request_id="r"), "k")
    assert arm.arm == "candidate"
    assert asked.request_id == "r"
    np.testing.assert_array_equal(asked.X, X[:, [2, 0, 1]])
    assert asked.X.flags["C_CONTIGUOUS"]
    arm, asked = routed(served(0, turned), Asked(X=X), "k")
    assert (arm.arm, asked.X is X) == ("champion", True)


def test_a_candidate_with_fewer_features_takes_its_own() -> None:
    fewer: Any = SimpleNamespace(version="v2", features=("b",))
    arm, asked = routed(served(10_000, fewer), Asked(X=X), "k")
    assert arm.arm == "candidate"
    np.testing.assert_array_equal(asked.X, X[:, [1]])


def test_rows_that_lack_features_of_the_candidate_are_outside_of_the_rollout() -> None:
    other: Any = SimpleNamespace(version="v2", features=("a", "b", "c", "d"))
    arm, asked = routed(served(10_000, other), Asked(X=X), "k")
    assert (arm.model, arm.arm, arm.rollout) == (CHAMPION, None, None)
    assert asked.X is X
    by_instrument, _ = routed(served(10_000, other), Asked(instruments=("bitcoin",)), "bitcoin")
    assert by_instrument.arm == "candidate"


class Bounded(SimpleNamespace):
    """A version without a finite score for rows beyond a bound, in any of its columns."""

    def score(self, X: Any) -> Any:
        if np.abs(X).max() > self.bound:
            raise NoFiniteScore("Rows lie too far out.")
        return X.sum(axis=1)


@pytest.mark.parametrize(("value", "blamed"), [(50.0, False), (5_000.0, True)])
@pytest.mark.parametrize("has_all_traffic", [False, True])
def test_rows_that_no_version_can_score_are_no_failure_of_the_candidate(
    value: float, blamed: bool, has_all_traffic: bool
) -> None:
    champion: Any = Bounded(version="v1", features=("c", "a"), bound=100.0)
    candidate: Any = Bounded(version="v2", features=("a", "b", "c"), bound=10.0)
    named = served(10_000, candidate)
    named = replace(named, model=candidate if has_all_traffic else champion)
    named = replace(
        named, rollout=replace(named.rollout, champion=champion), arm="candidate" if has_all_traffic else "champion"
    )  # type: ignore[type-var]
    asked = Asked(np.full((2, len(named.model.features)), value))
    assert are_too_far_out(named, asked) is blamed
    assert not are_too_far_out(named, Asked(instruments=("bitcoin",)))


def test_without_a_champion_to_ask_nothing_speaks_against_the_candidate() -> None:
    candidate: Any = Bounded(version="v2", features=("a", "b", "c"), bound=10.0)
    named = replace(served(10_000, candidate), model=candidate, arm="candidate")
    assert are_too_far_out(named, Asked(np.full((1, 3), 50.0)))
