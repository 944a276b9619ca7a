"""Each strict gate passes and fails for a real reason, and fails when it can't be computed."""

from dataclasses import replace

import numpy as np
import pytest

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.config.sections.governance import Constraints
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.evaluation.evaluation import evaluate
from mlreg_dagster.models.gates import (
    BETTER,
    CATALOGUE,
    IMPROVEMENT,
    LATENCY,
    MISSING,
    NOISE,
    PARITY,
    SIZE,
    GateContext,
    results_of,
)
from mlreg_dagster.models.training import train
from mlreg_dagster_tests.models.builders import DAY_ENDS, frozen_at, settings_of, with_rows

VERSUS = {"right": "v7", "difference": 0.1, "reason": "of 30 instruments.", "in_sample": [], "verdict": "better"}


@pytest.fixture(scope="module")
def judged(world, rounds, model_of):
    model = model_of("isolation_forest")
    settings = EvaluationSettings()
    result = evaluate(model, world.holdout, rounds, settings)
    return GateContext(
        model, world.holdout, rounds, result.scores, result.metrics, settings, VERSUS, Constraints(), 1_500_000
    )


def one(name, judged, **changes):
    """The result of one gate."""
    (found,) = results_of([CATALOGUE.get(name)], replace(judged, **changes))
    assert (found.name, bool(found.threshold), bool(found.detail)) == (name, True, True)
    return found


def refused(gate, reason):
    """Whether a gate failed as it could not be computed, and says why."""
    return (gate.passed, gate.value, gate.detail.startswith("Not computable: "), reason in gate.detail) == (
        False,
        None,
        True,
        True,
    )


def with_metrics(judged, **metrics):
    return judged.metrics | metrics


def strict(judged, **values):
    """The settings with other thresholds of the strict gates."""
    return judged.settings.override({"strict": values})


def test_gates_are_measured_as_named_and_once(judged, world, rounds):
    found = evaluate(judged.model, world.holdout, rounds, judged.settings, tier=[SIZE, BETTER, SIZE])
    assert [gate.name for gate in found.gates[-2:]] == [SIZE, BETTER]
    assert results_of([], judged) == ()


# --- against others -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "passed", "words"),
    [
        ("better", True, "better than"),
        ("worse", False, "worse than"),
        ("not distinguishable", False, "not distinguishable from"),
    ],
)
def test_only_who_is_told_apart_as_better_passes(judged, verdict, passed, words):
    found = one(BETTER, judged, versus=VERSUS | {"verdict": verdict})
    assert (found.passed, found.value) == (passed, 0.1)
    assert found.detail == f"The candidate is {words} v7 at finding planted anomalies: of 30 instruments."


def test_the_first_champion_has_nobody_to_be_better_than(judged):
    found = one(BETTER, judged, versus={})
    assert (found.passed, found.value, found.detail) == (
        True,
        None,
        "The candidate has no other champion to be better than",
    )


def test_a_champion_that_knows_the_holdout_is_named(judged):
    assert one(BETTER, judged, versus=VERSUS | {"in_sample": ["v7"]}).detail.endswith("v7 has seen the holdout.")


@pytest.mark.parametrize(
    ("versus", "reason"),
    [
        ({"champion": "v7", "not_comparable": "damaged"}, "The candidate can't be compared with v7: damaged"),
        (
            VERSUS | {"difference": None, "verdict": "not distinguishable"},
            "The candidate can't be compared with v7: of 30 instruments.",
        ),
    ],
)
def test_a_champion_that_can_not_be_compared_with_fails_the_candidate(judged, versus, reason):
    assert refused(one(BETTER, judged, versus=versus), reason)


@pytest.mark.parametrize(("found", "passed"), [(0.75, True), (0.63, True), (0.6, True), (0.59, False), (0.4, False)])
def test_the_improvement_is_relative_to_the_baseline(judged, found, passed):
    metrics = with_metrics(judged, average_precision=found, baseline_average_precision=0.5)
    settings = strict(judged, min_improvement=0.2 - 1e-9)
    gate = one(IMPROVEMENT, judged, metrics=metrics, settings=settings)
    assert (gate.passed, gate.value) == (passed, pytest.approx(found / 0.5 - 1))


@pytest.mark.parametrize(
    ("precision", "reason"),
    [((None, None), "no anomaly could be planted"), ((0.5, 0.0), "the baseline found nothing")],
)
def test_without_a_baseline_there_is_no_improvement(judged, precision, reason):
    metrics = with_metrics(judged, average_precision=precision[0], baseline_average_precision=precision[1])
    assert refused(one(IMPROVEMENT, judged, metrics=metrics), reason)


# --- segments -----------------------------------------------------------------------------------------------


@pytest.fixture
def volumes(judged):
    """24h volume of each holdout row."""
    key = ["hour", "instrument_id"]
    return judged.holdout.rows[key].merge(judged.holdout.market, on=key, how="left")["volume_24h"]


def flagging(flagged):
    """Scores by which these rows are flagged."""
    return np.where(flagged, np.inf, -np.inf)


def market_without(judged, *columns):
    market = judged.holdout.market.assign(**dict.fromkeys(columns, np.nan))
    return replace(judged.holdout, market=market)


def test_a_detector_that_flags_the_small_alone_fails(judged, volumes):
    holdout = market_without(judged, "market_cap")
    small = flagging(volumes < volumes.quantile(1 / 3))
    found = one(PARITY, judged, model=frozen_at(judged.model, 0.0), holdout=holdout, scores=small)
    assert (found.passed, found.value) == (False, 1.0)
    assert found.detail == ("By 24h volume: small 1.000, middle 0.000, large 0.000. By market cap: unknown.")


@pytest.mark.parametrize("every", [1, 7])
def test_flags_that_know_no_size_pass(judged, volumes, every):
    scores = flagging(volumes.rank(method="first") % every == 0)
    found = one(PARITY, judged, model=frozen_at(judged.model, 0.0), scores=scores)
    assert found.passed == (every == 1 or found.value <= 0.2)
    assert found.value < 0.2


def test_the_worse_of_volume_and_cap_counts(judged, volumes):
    market = judged.holdout.market
    crosswise = replace(judged.holdout, market=market.assign(market_cap=-market["volume_24h"]))
    large = flagging(volumes > volumes.quantile(2 / 3))
    both = one(PARITY, judged, model=frozen_at(judged.model, 0.0), holdout=crosswise, scores=large)
    assert (both.passed, both.value) == (False, 1.0)
    assert "By market cap: small 1.000, middle 0.000, large 0.000." in both.detail


def test_without_a_size_there_are_no_segments(judged):
    unknown = market_without(judged, "volume_24h", "market_cap")
    assert refused(one(PARITY, judged, holdout=unknown), "By 24h volume: unknown. By market cap: unknown.")
    assert refused(one(PARITY, judged, holdout=replace(judged.holdout, market=None)), "no market behind it")
    most = strict(judged, min_segment_rows=10_000)
    assert refused(one(PARITY, judged, settings=most), "too few rows in a tier")
    alike = judged.holdout.market.assign(volume_24h=5.0, market_cap=np.nan)
    assert refused(one(PARITY, judged, holdout=replace(judged.holdout, market=alike)), "too few rows in a tier (0,")


# --- robustness ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_edge(judged):
    """A model whose threshold lies amid the scores: half of all labels are a matter of little."""
    return frozen_at(judged.model, float(np.median(judged.scores)))


def test_labels_that_stay_under_a_little_noise_pass_and_under_more_fail(judged, on_edge):
    found = {
        scale: one(NOISE, judged, model=on_edge, settings=strict(judged, noise_scale=scale)) for scale in (1e-9, 0.5)
    }
    assert (found[1e-9].passed, found[1e-9].value) == (True, 1.0)
    assert not found[0.5].passed
    assert 0.5 < found[0.5].value < 0.98
    again = one(NOISE, judged, model=on_edge, settings=strict(judged, noise_scale=0.5))
    assert again == found[0.5]


def test_noise_leaves_what_never_varied_and_what_is_missing(judged, world):
    constant = with_rows(world.training, world.training.rows.assign(change_1h_pct=3.0))
    settings = settings_of("robust_z_score", features=("change_1h_pct", "change_24h_pct"))
    model = train("v1", constant, DAY_ENDS, settings)
    rows = world.holdout.rows.assign(change_1h_pct=3.0, change_24h_pct=np.nan)
    found = one(NOISE, judged, model=frozen_at(model, 0.0), holdout=with_rows(world.holdout, rows))
    assert found.value == 1.0


def test_a_model_that_hangs_on_one_feature_fails_without_it(judged, world):
    model = world.train("robust_z_score", features=("change_1h_pct", "is_gap"))
    scores = model.score(model.select(world.holdout.rows))
    on_edge = frozen_at(model, float(np.quantile(scores, 0.3)))
    found = one(MISSING, judged, model=on_edge)
    assert not found.passed
    assert found.value == pytest.approx(0.3, abs=0.05)
    assert "Without change_1h_pct of" in found.detail
    assert "Mean over 2 features: 0.6" in found.detail
    easy = {"min_missing_agreement": found.value, "min_mean_missing_agreement": 0.6}
    assert one(MISSING, judged, model=on_edge, settings=strict(judged, **easy)).passed
    harder = easy | {"min_mean_missing_agreement": 0.9}
    assert not one(MISSING, judged, model=on_edge, settings=strict(judged, **harder)).passed


def test_a_sample_is_seeded_and_has_its_size(judged):
    small = strict(judged, robustness_rows=50)
    assert "of 50 labels" in one(NOISE, judged, settings=small).detail
    assert one(MISSING, judged, settings=small) == one(MISSING, judged, settings=small)


@pytest.mark.parametrize("name", [NOISE, MISSING, LATENCY])
def test_without_rows_nothing_can_be_scored(judged, name):
    empty = with_rows(judged.holdout, judged.holdout.rows.head(0))
    assert refused(one(name, judged, holdout=empty), "the holdout has no rows to score.")


# --- what serving can bear -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraints", "passed"),
    [
        ({"max_latency_ms": 60_000.0, "min_rows_per_s": 1.0}, True),
        ({"max_latency_ms": 1e-6, "min_rows_per_s": 1.0}, False),
        ({"max_latency_ms": 60_000.0, "min_rows_per_s": 1e12}, False),
    ],
)
def test_a_model_is_as_fast_as_the_use_case_asks(judged, constraints, passed):
    found = one(LATENCY, judged, constraints=Constraints(**constraints))
    assert found.passed == passed
    assert found.value > 0
    largest = judged.holdout.rows["hour"].value_counts().max()
    assert found.detail.startswith(f"{largest} rows of one hour in ")


@pytest.mark.parametrize(("most", "passed"), [(1.4, False), (1.5, True)])
def test_a_bundle_is_as_small_as_the_use_case_asks(judged, most, passed):
    found = one(SIZE, judged, constraints=Constraints(max_model_mb=most))
    assert (found.passed, found.value, found.detail) == (passed, 1.5, "1,500,000 bytes.")


def test_the_size_is_that_of_the_bundle(store, judged):
    frozen = artifact.save(store, "v1", judged.model)
    found = artifact.size(store, "v1", frozen.sha256)
    assert found == sum((store.root / "models" / "v1" / name).stat().st_size for name in frozen.files)
