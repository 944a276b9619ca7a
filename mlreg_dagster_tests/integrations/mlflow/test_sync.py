"""What a sync writes, and when it writes nothing."""

import json
from datetime import UTC, datetime

import pytest

from mlreg_dagster.integrations.mlflow.content import Point
from mlreg_dagster.integrations.mlflow.differences import NumberTaken, OtherRegistry
from mlreg_dagster.integrations.mlflow.mirror import MirrorBusy, read
from mlreg_dagster.models.tuning.record import COMPLETE, PRUNED, Fold, Study, Trial, write_study
from mlreg_dagster.registry import Attribution
from mlreg_dagster.registry.witness import RegistryTampered
from mlreg_dagster.storage.artifacts import ArtifactTampered

NOW = Attribution("anna", datetime(2026, 1, 9, tzinfo=UTC), "a test asks for it")


def evaluate_again(world, **changed):
    last = world.writable.latest_evaluation("v2")
    kept = {name: getattr(last, name) for name in ("artifact_sha256", "holdout_sha256", "thresholds", "holdout_day")}
    measured = {"gates": last.gates, "metrics": {"average_precision": 0.5}}
    return world.writable.record_evaluation("v2", NOW, **measured, **kept, **changed)


def test_versions_have_our_numbers_and_statuses(synced):
    found = {version.version: version for version in synced.client.search_model_versions("name = 'mlreg'")}
    assert {number: each.tags["mlreg.version"] for number, each in found.items()} == {1: "v1", 2: "v2", 3: "v3"}
    assert [found[number].tags["mlreg.status"] for number in (1, 2, 3)] == ["evaluated", "evaluated", "rejected"]
    for version in synced.registry.versions():
        assert found[int(version.version[1:])].tags["mlreg.artifact_sha256"] == version.artifact_sha256


def test_a_run_has_parameters_metrics_gates_datasets_and_where_it_comes_from(synced):
    version, evaluation = synced.registry.version("v1"), synced.registry.latest_evaluation("v1")
    run = synced.client.get_run(synced.run("v1"))
    assert run.info.run_name == "v1"
    assert run.info.status == "FINISHED"
    assert run.data.params["settings.detector"] == version.detector
    assert run.data.params["mlreg.artifact_sha256"] == version.artifact_sha256
    assert json.loads(run.data.params["features"]) == version.manifest["features"]
    assert run.data.tags["mlreg.dagster_run_id"] == version.run_id
    assert run.data.metrics["average_precision"] == evaluation.metrics["average_precision"]
    for gate in evaluation.gates:
        assert run.data.tags[f"mlreg.gate.{gate.name}"].startswith("passed" if gate.passed else "failed")
        assert run.data.metrics[f"gate.{gate.name}.passed"] == gate.passed
    digests = {each.dataset.name.split()[0]: each.dataset.source for each in run.inputs.dataset_inputs}
    assert digests == {
        "training_dataset": f"sha256:{version.dataset_sha256}",
        "eval_holdout": f"sha256:{evaluation.holdout_sha256}",
    }


def test_aliases_point_where_ours_do_and_their_history_is_kept(synced):
    found = synced.client.get_registered_model("mlreg")
    assert {alias: int(number) for alias, number in found.aliases.items()} == {"champion": 2}
    moves = synced.registry.history("champion")
    assert len(moves) == 2
    for move in moves:
        said = found.tags[f"mlreg.alias.champion.{move.sequence:06}"]
        assert said.startswith(f"event {move.id}: {move.previous_version or 'nobody'} → {move.version}")
        assert move.reason in said


def test_a_second_sync_writes_nothing(synced):
    before = synced.bytes
    report = synced.sync()
    assert (report.calls, report.foreign, report.missing) == (0, (), ())
    assert synced.bytes == before


def test_a_look_makes_nothing(plain):
    assert len(plain.look().missing) > 5
    assert not (plain.home / "mlflow.sqlite").exists()


def test_the_mirror_follows_a_move_and_an_evaluation(synced):
    evaluation = evaluate_again(synced)
    assert synced.writable.evaluations("v2")[-1] == evaluation
    synced.writable.move_alias("champion", "v1", NOW, expected="v2")
    synced.writable.move_alias("challenger", "v2", NOW, expected=None)
    assert synced.look().foreign == ()
    before = (synced.home / "registry.sqlite").read_bytes()
    report = synced.sync()
    assert (synced.home / "registry.sqlite").read_bytes() == before
    assert (report.foreign, report.calls > 0) == ((), True)
    assert synced.client.get_registered_model("mlreg").aliases == {"champion": 1, "challenger": 2}
    history = synced.client.get_metric_history(synced.run("v2"), "average_precision")
    assert [(each.step, each.value) for each in history][-1] == (evaluation.id, 0.5)
    assert len(history) == 2
    assert synced.sync().calls == 0


def test_an_experiment_does_not_count(synced):
    evaluate_again(synced, departures=("another seed",))
    assert synced.sync().calls == 0


def test_a_tampered_registry_is_not_mirrored(plain):
    file = plain.home / "registry.sqlite"
    reason = plain.registry.history("champion")[0].reason.encode()
    assert reason in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(reason, reason.upper(), 1))
    with pytest.raises(RegistryTampered, match="Nothing is mirrored"):
        plain.sync()
    assert not (plain.home / "mlflow.sqlite").exists()


def test_a_tampered_bundle_is_not_mirrored(plain):
    path = plain.home / "artifacts" / "models" / "v3" / "manifest.json"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"v3", b"v9"))
    with pytest.raises(ArtifactTampered, match="not what was frozen"):
        plain.sync()
    assert not (plain.home / "mlflow.sqlite").exists()


def test_a_number_that_others_took_is_refused(synced):
    synced.client.create_model_version("mlreg", "s3://elsewhere/model")
    before = synced.bytes
    for ask in (synced.look, synced.sync):
        with pytest.raises(NumberTaken, match="version 4 of mlreg is not from this registry"):
            ask()
    assert synced.bytes == before
    synced.client.delete_model_version("mlreg", "4")
    assert synced.sync().calls == 0


def test_the_mirror_of_another_registry_is_left_alone(synced):
    experiment = synced.client.get_experiment_by_name("mlreg")
    synced.client.set_experiment_tag(experiment.experiment_id, "mlreg.registry", "0" * 64)
    before = synced.bytes
    with pytest.raises(OtherRegistry, match="begins with 000000000000"):
        synced.sync()
    assert synced.bytes == before


def test_a_gap_in_our_numbers_is_one_in_mlflow(plain, without):
    without("v2")
    plain.sync()
    assert [each.version for each in plain.client.search_model_versions("name = 'mlreg'")] == [3, 1]
    assert plain.sync().calls == 0


def test_a_version_that_comes_late_gets_its_number(plain, without):
    without("v2")
    plain.sync()
    without()
    report = plain.sync()
    assert report.foreign == ()
    found = {each.version: each.tags["mlreg.version"] for each in plain.client.search_model_versions("name = 'mlreg'")}
    assert found == {1: "v1", 2: "v2", 3: "v3"}
    assert plain.sync().calls == 0


def test_a_number_that_was_used_up_makes_the_model_again(synced, without):
    without("v3")
    synced.sync()  # deletes version 3, as after a restore
    assert [each.version for each in synced.client.search_model_versions("name = 'mlreg'")] == [2, 1]
    without()
    synced.sync()
    assert {each.version for each in synced.client.search_model_versions("name = 'mlreg'")} == {1, 2, 3}
    assert synced.client.get_registered_model("mlreg").aliases == {"champion": 2}


def test_studies_and_their_trials_are_nested_runs(synced):
    fold = Fold("2026-01-01T00:00", "2026-01-02T00:00", "2026-01-02T00:00", "2026-01-03T00:00")
    trials = (
        Trial(0, {}, COMPLETE, 0.5, 0.6, None, (0.4, 0.5), 1.0),
        Trial(1, {"params.n_neighbors": 30}, PRUNED, 0.2, 0.2, 0.1, (0.2,), 0.5),
    )
    study = Study(
        "night",
        "model",
        "local_outlier_factor",
        {},
        "2026-01-04",
        "ab" * 32,
        7,
        {"trials": 2},
        {},
        (fold,),
        (1, 2),
        (),
        (3,),
        trials,
        0,
        (),
        "No gain.",
        2.5,
        "2026-01-09T00:00:00+00:00",
    )
    write_study(synced.store, study)
    assert synced.sync().foreign == ()
    client, parent = synced.client, synced.run("study night")
    runs = [client.get_run(synced.run(f"study night/{number}")) for number in (0, 1)]
    assert [run.data.tags["mlflow.parentRunId"] for run in runs] == [parent, parent]
    assert [run.info.status for run in runs] == ["FINISHED", "KILLED"]
    assert runs[1].data.params["params.n_neighbors"] == "30"
    assert runs[0].data.metrics["planted"] == 0.6
    assert [each.value for each in client.get_metric_history(runs[0].info.run_id, "objective")] == [0.4, 0.5]
    assert client.get_run(parent).data.tags["mlreg.result"] == "No gain."
    assert synced.sync().calls == 0


def test_two_at_once_are_refused(synced, monkeypatch):
    from filelock import FileLock

    from mlreg_dagster.integrations.mlflow import mirror

    monkeypatch.setattr(mirror, "_WAIT_S", 0.05)
    with FileLock(synced.place.lock), pytest.raises(MirrorBusy, match="Nothing was written"):
        synced.sync()


def test_every_value_of_a_metric_is_asked_for(synced):
    from mlreg_dagster.integrations.mlflow.wanted import wanted

    evaluation = evaluate_again(synced)
    points = wanted(synced.registry, synced.store, ()).histories["v2"].points["average_precision"]
    assert points[-1] == Point(0.5, evaluation.id, 1767916800000)
    assert len(points) == 2
    assert read(synced.client).runs["v2"].run.metrics["average_precision"] == points[0].value
