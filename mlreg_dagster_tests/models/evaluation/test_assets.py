"""evaluated_model as an asset and a job: what it does, refuses and records."""

import pytest

from mlreg_dagster.models.gates import AVERAGE_PRECISION, GATES, IMPROVEMENT, LATENCY, NOISE, SILHOUETTE, SIZE
from mlreg_dagster_tests.lifecycle import failure, latest_verdict, metadata, verdicts
from mlreg_dagster_tests.models.builders import bundle_of

# --- evaluation ----------------------------------------------------------------------------------------------


def test_gates_are_checks_of_their_own_version(trained):
    passed = trained.attempt("evaluated_model", key="v1", config={"actor": "anna"})
    failed = trained.attempt("evaluated_model", key="v3", config={"actor": "anna"})
    assert passed.success
    assert failed.success  # a failed gate is a result
    assert verdicts(passed) == dict.fromkeys(GATES, True)
    assert verdicts(failed) == dict.fromkeys(GATES, True) | {AVERAGE_PRECISION: False}
    assert [check.partition for check in failed.get_asset_check_evaluations()] == ["v3"] * len(GATES)
    assert metadata(failed, "evaluated_model")["status"] == "rejected"
    assert latest_verdict(trained, AVERAGE_PRECISION, "v1")
    assert not latest_verdict(trained, AVERAGE_PRECISION, "v3")
    assert trained.registry.status("v1") == "evaluated"
    assert trained.registry.status("v3") == "rejected"


def test_evaluating_never_touches_the_artifact(trained):
    before = bundle_of(trained, "v1")
    for overrides in ({}, {"min_silhouette": 1.0}):
        assert trained.attempt("evaluated_model", key="v1", config={"overrides": overrides}).success
    assert bundle_of(trained, "v1") == before
    first, *_, last = trained.registry.evaluations("v1")
    assert first.metrics == last.metrics
    assert [gate.value for gate in first.gates] == [gate.value for gate in last.gates]


def test_thresholds_of_the_run_are_used_and_recorded(trained):
    result = trained.attempt(
        "evaluated_model", key="v1", config={"overrides": {"min_silhouette": 0.99, "injection": {"seed": 5}}}
    )
    assert verdicts(result) == dict.fromkeys(GATES, True) | {SILHOUETTE: False}
    evaluation = trained.registry.evaluations("v1")[-1]
    assert evaluation.departures == ("injection.seed was 5 instead of 20", "min_silhouette was 0.99 instead of 0.0")
    assert evaluation.thresholds["min_silhouette"] == 0.99
    assert evaluation.thresholds["injection"] == trained.registry.evaluations("v1")[0].thresholds["injection"] | {
        "seed": 5
    }
    assert {gate.name: gate.threshold for gate in evaluation.gates}[SILHOUETTE] == "at least 0.99"
    assert trained.registry.status("v1") == "evaluated"  # an experiment leaves it as it was


def test_an_unknown_threshold_is_refused(trained):
    message = failure(trained.attempt("evaluated_model", key="v1", config={"overrides": {"min_silouette": 0}}))
    assert "run config, over evaluation.yaml: min_silouette: unknown key; allowed are min_anomaly_rate" in message
    assert len(trained.registry.evaluations("v1")) == 1


def test_a_version_that_was_never_trained_cannot_be_evaluated(trained):
    trained.add_version("v9")
    message = failure(trained.attempt("evaluated_model", key="v9"))
    assert "v9 is not registered. Registered versions: v1, v2, v3." in message


def test_a_candidate_is_compared_with_the_champion_on_the_same_rows(live):
    result = live.attempt("evaluated_model", key="v1")  # v2 is champion by now
    versus = live.registry.latest_evaluation("v1").metrics["versus_champion"]
    assert (versus["left"], versus["right"]) == ("v1", "v2")
    assert versus["rows"] == metadata(result, "evaluated_model")["dagster/row_count"]
    assert versus["average_precision"][0] == live.registry.latest_evaluation("v1").metrics["average_precision"]
    assert versus["average_precision"][1] == live.registry.latest_evaluation("v2").metrics["average_precision"]
    assert versus["difference"] == pytest.approx(versus["average_precision"][0] - versus["average_precision"][1])
    assert (versus["verdict"], versus["low"], versus["high"]) == ("not distinguishable", None, None)
    assert versus["reason"] == f"too few samples: {versus['samples']} instruments tell something, asked are 20."


def test_a_damaged_champion_does_not_keep_others_from_being_evaluated(live):
    live.tamper("v2")
    assert live.attempt("evaluated_model", key="v1").success
    versus = live.registry.latest_evaluation("v1").metrics["versus_champion"]
    assert versus["champion"] == "v2"
    assert "is not what was frozen" in versus["not_comparable"]


# --- what a risk tier asks for ------------------------------------------------------------------------------


def _high_tier(make_world, home, max_model_mb, **evaluation):
    """The same home under a use case of high risk; what can't be passed by so small a market is not asked."""
    gates = [IMPROVEMENT, NOISE, LATENCY, SIZE]
    return make_world(
        home,
        configs={
            "use_case": {"risk_tier": "high", "constraints": {"max_model_mb": max_model_mb, "max_latency_ms": 60_000}},
            "promotion": {"high": {"approvals": 0, "gates": gates, "stable": True}},
            "evaluation": {
                "injection": {"seeds": 2},
                "strict": {"min_improvement": 0.0, "min_noise_agreement": 0.5},
                "stability": {"refits": 2, "folds": 2, **evaluation},
            },
        },
    )


def test_a_strict_gate_that_fails_rejects_the_version(make_world, trained_home):
    world = _high_tier(make_world, trained_home, max_model_mb=0.001)
    assert world.registry.status("v1") == "evaluated"  # under the low tier
    result = world.attempt("evaluated_model", key="v1")
    asked = dict.fromkeys([*GATES, IMPROVEMENT, NOISE, LATENCY, SIZE], True)
    assert verdicts(result) == asked | {SIZE: False}
    assert metadata(result, "evaluated_model")["status"] == world.registry.status("v1") == "rejected"
    assert not latest_verdict(world, SIZE, "v1")
    evaluation = world.registry.latest_evaluation("v1")
    assert [gate.name for gate in evaluation.gates] == list(asked)
    assert evaluation.thresholds["strict"]["min_noise_agreement"] == 0.5


def test_stability_is_measured_where_the_tier_asks_and_nothing_is_where_it_does_not(make_world, trained_home):
    world = _high_tier(make_world, trained_home, max_model_mb=100.0, max_standard_deviation=1e-9)
    before = bundle_of(world, "v1")
    result = world.attempt("evaluated_model", key="v1")
    assert metadata(result, "evaluated_model")["stability"].startswith("**unstable**: The standard deviation")
    stability = world.registry.latest_evaluation("v1").metrics["stability"]
    assert {kind: len(values) for kind, values in stability["values"].items()} == {
        "bootstrap refits": 2,
        "time-block folds": 2,
    }
    assert stability["verdict"] == "unstable"
    assert world.registry.status("v1") == "evaluated"  # it holds a promotion up, but is no gate
    assert bundle_of(world, "v1") == before
    first = world.registry.evaluations("v1")[0]  # of the low tier
    assert "stability" not in first.metrics
    assert [gate.name for gate in first.gates] == list(GATES)
