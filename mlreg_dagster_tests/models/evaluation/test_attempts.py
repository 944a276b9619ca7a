"""Every attempt is counted, the failed ones first, with what was changed since the one before."""

import itertools

from mlreg_dagster.models.evaluation.attempts import (
    attempts_of,
    changes,
    failed_first,
    headline,
    looks_at,
    which_attempt,
)
from mlreg_dagster.registry import GateResult
from mlreg_dagster_tests.registry import builders
from mlreg_dagster_tests.registry.builders import register, sha

BETTER = GateResult("better_than_champion", False, -0.01, "told apart as better", "it is not")
GOOD = GateResult("score_gap", True, 0.1, "at least 0.05", "far apart")
STRICT = {"strict": {"min_improvement": 0.1}, "injection": {"seed": 20}}
LAX = {"strict": {"min_improvement": 0.02}, "injection": {"seed": 20}}


RUNS = itertools.count()


def evaluate(registry, version, *gates, **changes):
    builders.evaluate(registry, version, *gates, run_id=f"run-{next(RUNS)}", **changes)


def tried(registry):
    """Two attempts that failed, and one that passed under other settings."""
    register(registry, "v1")
    evaluate(registry, "v1", BETTER, GOOD, thresholds=STRICT)
    evaluate(registry, "v1", BETTER, GOOD, thresholds=STRICT)
    evaluate(registry, "v1", GOOD, thresholds=LAX)
    return attempts_of(registry.evaluations("v1"))


def test_attempts_are_numbered_and_failed_ones_are_shown_first(registry):
    attempts = tried(registry)
    assert [(each.number, each.on_holdout, each.failed) for each in attempts] == [
        (1, 1, ("better_than_champion",)),
        (2, 2, ("better_than_champion",)),
        (3, 3, ()),
    ]
    assert [each.number for each in failed_first(attempts)] == [2, 1, 3]


def test_what_was_changed_between_two_is_named(registry):
    attempts = tried(registry)
    assert attempts[0].changed == attempts[1].changed == ()
    assert attempts[2].changed == (
        "strict.min_improvement: 0.1 → 0.02",
        "gate better_than_champion: measured → not asked",
    )
    evaluate(registry, "v1", GOOD, thresholds=LAX, holdout_sha256=sha("another"), code_sha256="c" * 64)
    assert changes(attempts[2].evaluation, registry.evaluations("v1")[-1])[-2:] == (
        f"holdout: {sha('holdout')[:12]} → {sha('another')[:12]}",
        "the gates' code",
    )


def test_the_headline_says_which_attempt_it_was_and_what_went_before(registry):
    attempts = tried(registry)
    assert which_attempt(attempts) == "Passed in attempt 3 of 3 on the same holdout."
    assert headline(attempts) == (
        "Passed in attempt 3 of 3 on the same holdout; attempt 1 failed better_than_champion; attempt 2 failed "
        "better_than_champion; changed since attempt 2: strict.min_improvement: 0.1 → 0.02, gate better_than_champion: "
        "measured → not asked."
    )
    assert headline(attempts[:1]) == which_attempt([]) == headline([]) == ""
    assert headline(attempts[:2]).startswith("Failed in attempt 2 of 2 on the same holdout")


def test_experiments_are_attempts_and_do_not_count(registry):
    tried(registry)
    evaluate(registry, "v1", BETTER, thresholds=LAX, departures=("injection.seed was 21 instead of 20",))
    attempts = attempts_of(registry.evaluations("v1"))
    assert which_attempt(attempts) == "Passed in attempt 3 of 4 on the same holdout."
    assert attempts[3].facts["is_experiment"]


def test_seeds_and_days_are_those_of_the_record(registry):
    register(registry, "v1")
    planted = {"margin": {"seeds": {"20": 0.1, "21": -0.1}}}
    days = [{"day": "2026-01-14", "sha256": sha("holdout")}, {"day": "2026-01-15", "sha256": sha("next")}]
    evaluate(registry, "v1", GOOD, metrics={"planted": planted, "holdout_days": days}, holdout_day="2026-01-14")
    evaluate(registry, "v1", GOOD, metrics={}, thresholds=LAX, holdout_day="2026-01-14")
    new, old = (each.facts for each in attempts_of(registry.evaluations("v1")))
    assert (new["seeds"], new["days"]) == ([20, 21], ["2026-01-14", "2026-01-15"])
    assert (old["seeds"], old["days"]) == ([20], ["2026-01-14"])  # of an earlier release


def test_looks_at_a_holdout_are_counted_over_all_versions(registry):
    tried(registry)
    register(registry, "v2")
    evaluate(registry, "v2", GOOD)
    evaluate(registry, "v2", GOOD, holdout_sha256=sha("another"))
    looks = looks_at(registry, sha("holdout"))
    assert (looks.evaluations, looks.versions) == (4, ("v1", "v2"))
    assert looks.sentence == "The holdout was looked at 4 times, by v1, v2."
    assert looks_at(registry, sha("another")).sentence == "The holdout was looked at once, by v2."
