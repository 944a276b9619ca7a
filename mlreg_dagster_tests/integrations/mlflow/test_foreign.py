"""What someone changes in MLflow is reported, and put back."""

import pytest
from mlflow.entities import Dataset, DatasetInput

from mlreg_dagster.integrations.mlflow.mirror import read


def flip(world):
    path = world.model() / "artifacts" / "manifest.json"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def add_input(world):
    world.client.log_inputs(world.run("v2"), [DatasetInput(Dataset("more", "12", "local", "more.csv"))])


def experiment(world):
    return world.client.get_experiment_by_name("mlreg").experiment_id


CHANGES = {
    "an alias is moved": (
        lambda w: w.client.set_registered_model_alias("mlreg", "champion", "1"),
        "alias champion is v1 in MLflow, v2 by",
    ),
    "an alias is deleted": (
        lambda w: w.client.delete_registered_model_alias("mlreg", "champion"),
        "alias champion is absent in MLflow, v2",
    ),
    "an alias is added": (
        lambda w: w.client.set_registered_model_alias("mlreg", "prod", "3"),
        "alias prod is v3 in MLflow, absent by",
    ),
    "history is edited": (
        lambda w: w.client.set_registered_model_tag("mlreg", "mlreg.alias.champion.000001", "me"),
        "000001 is me in MLflow",
    ),
    "a status is edited": (
        lambda w: w.client.set_model_version_tag("mlreg", "3", "mlreg.status", "evaluated"),
        "mlreg.status is evaluated in",
    ),
    "a tag is deleted": (
        lambda w: w.client.delete_tag(w.run(), "mlreg.trained_by"),
        "tag mlreg.trained_by is absent in MLflow",
    ),
    "a description is edited": (
        lambda w: w.client.update_model_version("mlreg", "1", "mine"),
        "description is mine in MLflow",
    ),
    "a run is renamed": (lambda w: w.client.update_run(w.run(), name="mine"), "name is mine in MLflow, v1 by"),
    "a run is failed": (lambda w: w.client.set_terminated(w.run(), "FAILED"), "status is FAILED in MLflow"),
    "a run is deleted": (lambda w: w.client.delete_run(w.run()), "v1: its run was deleted"),
    "a version is deleted": (lambda w: w.client.delete_model_version("mlreg", "2"), "version 2: is not there"),
    "the model is deleted": (
        lambda w: w.client.delete_registered_model("mlreg"),
        "registered model mlreg: is not there",
    ),
    "the experiment is deleted": (lambda w: w.client.delete_experiment(experiment(w)), "experiment mlreg: was deleted"),
    "a metric is logged": (
        lambda w: w.client.log_metric(w.run(), "average_precision", 0.99, step=999),
        "average_precision is 0.99",
    ),
    "a metric is added": (
        lambda w: w.client.log_metric(w.run("v2"), "mine", 0.99),
        "metric mine is 0.99 in MLflow, absent by",
    ),
    "a parameter is added": (
        lambda w: w.client.log_param(w.run("v3"), "mine", "1"),
        "parameter mine is 1 in MLflow, absent by",
    ),
    "a dataset is added": (add_input, "dataset more is"),
    "a bit of a model is flipped": (flip, "file artifacts/manifest.json of its model is not what was uploaded"),
    "a file is added to a model": (
        lambda w: (w.model("v2") / "more.py").write_text("x"),
        "file more.py of its model is not",
    ),
    "a file of a model is deleted": (
        lambda w: (w.model("v3") / "MLmodel").unlink(),
        "file MLmodel of its model is not",
    ),
}


# What one call puts back, then what makes a new run, each on a run of its own; what hides others is alone.
TOGETHER = (
    ("an alias is moved", "an alias is added", "history is edited", "a tag is deleted", "a run is failed"),
    ("an alias is deleted", "a status is edited", "a description is edited", "a run is renamed"),
    ("a metric is logged", "a dataset is added", "a parameter is added"),
    ("a bit of a model is flipped", "a metric is added", "a file of a model is deleted"),
    ("a file is added to a model", "a run is deleted"),
    ("a version is deleted",),
    ("the model is deleted",),
    ("the experiment is deleted",),
)


def test_every_change_is_made():
    assert sorted(change for changes in TOGETHER for change in changes) == sorted(CHANGES)


@pytest.mark.slow
@pytest.mark.parametrize("changes", TOGETHER, ids=", ".join)
def test_changes_are_reported_and_put_back(synced, changes):
    intended = _state(synced)
    for change in changes:
        CHANGES[change][0](synced)
    changed = synced.bytes
    look = synced.look()
    for change in changes:
        assert any(CHANGES[change][1] in each for each in look.foreign), (change, look)
    assert synced.bytes == changed
    report = synced.sync()
    assert report.foreign == look.foreign
    assert report.calls > 0
    assert _state(synced) == intended
    again = synced.sync()
    assert (again.calls, again.foreign, again.missing) == (0, (), ())


def _state(world):
    """All that MLflow holds of the mirror, without its own ids."""
    found = read(world.client)
    assert {each.run_id for each in found.versions.values()} == {found.runs[name].id for name in ("v1", "v2", "v3")}
    return (
        {subject: (each.run, each.mark, each.deleted, each.files_sha256) for subject, each in found.runs.items()},
        {number: (each.version, each.mark) for number, each in found.versions.items()},
        found.model,
        {
            (name, path.name): path.read_bytes()
            for name in found.runs
            for path in world.model(name).rglob("*")
            if path.is_file()
        },
    )


def test_what_people_add_for_themselves_stays(synced):
    client, run = synced.client, synced.run()
    client.set_tag(run, "reviewed", "yes")
    client.set_tag(run, "mlflow.note.content", "A note.")
    client.set_model_version_tag("mlreg", "1", "reviewed", "yes")
    client.create_run(experiment(synced), run_name="mine")
    client.create_registered_model("other")
    before = synced.bytes
    report = synced.sync()
    assert (report.calls, report.foreign) == (0, ())
    assert synced.bytes == before


def test_a_move_here_and_a_change_there_are_told_apart(synced):
    synced.client.set_model_version_tag("mlreg", "3", "mlreg.status", "evaluated")
    from mlreg_dagster_tests.integrations.mlflow.test_sync import NOW

    synced.writable.move_alias("champion", "v1", NOW, expected="v2")
    report = synced.sync()
    assert len(report.foreign) == 1
    assert "mlreg.status" in report.foreign[0]
    assert any("alias champion is v2 in MLflow, v1 by" in each for each in report.missing)
