"""`mlreg sweep`: one command trains all configurations, a failure is a result, and running it again goes on."""

import json

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.cli.sweeping import SWEEP_TAG, planned_sweep, run_sweep
from mlreg_dagster.models.sweeps.table import rows_of
from mlreg_dagster.runner import RunFailed, asset_config

FILE = """
model: model_forest
configurations:
  - {name: few, params: {n_estimators: 5}}
  - {name: impossible, features: [change_1h_pct, nothing]}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "trees.yaml"
    path.write_text(FILE)
    return str(path)


@pytest.mark.slow
def test_a_sweep_goes_past_what_fails_and_on_where_it_was_killed(on_trained, registry, file):
    answer = on_trained("sweep", file, "--json")
    assert answer.code == 1  # one can't be trained
    found = json.loads(answer.out)
    base, few, impossible = found["configurations"]
    assert [each["version"] for each in (base, few, impossible)] == ["v4", "v5", "v6"]
    assert base["state"] == "rejected"  # a gate that fails is a result
    assert few["verdict"] in ("better", "worse", "not distinguishable")
    assert few["difference"] == pytest.approx(few["average_precision"] - base["average_precision"])
    assert (impossible["state"], impossible["failed_run"] is not None) == ("missing", True)
    assert "nothing" in impossible["failed_run"]
    assert registry.version("v5").manifest["sweep"] == {
        "name": "trees", "number": 1, "of": 2, "changes": {"params.n_estimators": 5},
    }  # fmt: skip
    assert on_trained("retrain", "--verify", "v5").code == 0

    with dg.DagsterInstance.get() as instance:  # as a SIGKILL leaves it
        killed = instance.add_run(
            dg.DagsterRun("retrain", tags={SWEEP_TAG: "trees"}, status=dg.DagsterRunStatus.STARTED)
        )
    looks = {name: len(registry.evaluations(name)) for name in ("v4", "v5")}
    again = on_trained("sweep", file)
    assert again.code == 1
    assert "v6 failed:" in again.out
    assert {name: len(registry.evaluations(name)) for name in ("v4", "v5")} == looks
    with dg.DagsterInstance.get() as instance:
        assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.CANCELED
    shown = json.loads(on_trained("sweep", "--show", "trees", "--json").out)
    assert [each["failed_run"] for each in shown.pop("configurations")] == [None] * 3
    assert shown["sweep"] == found["sweep"]


@pytest.mark.slow
def test_a_backfill_of_the_planned_versions_in_any_order_is_the_same_sweep(trained):
    text = FILE.rpartition("  - ")[0]
    plan = planned_sweep(trained, text, "trees.yaml", "trees", None)
    base, few = (each.version for each in plan.configurations)
    with pytest.raises(RunFailed, match=f"{few} is kept for number 1 of the sweep trees"):
        trained.run_partition(jobs.TRAIN, few, asset_config("candidate_model", {"model": "model_lof"}))
    for version in (few, base):
        trained.run_partition(jobs.RETRAIN, version)
    assert [row.is_compared for row in rows_of(plan, trained.registry)] == [True, False]
    assert run_sweep(trained, planned_sweep(trained, text, "trees.yaml", "trees", None), "anna", lambda *_: None) == {}
    assert [row.is_compared for row in rows_of(plan, trained.registry)] == [True, True]
    assert [len(trained.registry.evaluations(version)) for version in (base, few)] == [1, 2]


@pytest.mark.slow
def test_what_is_wrong_is_said_before_a_version_is_used_up(on_trained, registry, file, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("grid: {seeds: [1, 2]}")
    for arguments, says in {
        (): "Write mlreg sweep FILE",
        (file, "--show", "trees"): "Write mlreg sweep FILE",
        (str(tmp_path / "none.yaml"),): "can't be read",
        (str(other),): "seeds: unknown key",
        (file, "--name", "A/B"): "can't be the name of a sweep",
        (file, "--day", "2025-01-01"): "No training dataset is frozen for '2025-01-01'",
        ("--show", "trees"): "There is no sweep 'trees'. Sweeps: none.",
    }.items():
        answer = on_trained("sweep", *arguments)
        assert (answer.code, answer.out) == (1, ""), arguments
        assert says in answer.err
    planned = on_trained("sweep", file, "--plan")
    assert planned.code == 0
    assert "Planned: v4 to v6. Launch the job retrain" in planned.out
    assert [version.version for version in registry.versions()] == ["v1", "v2", "v3"]
