"""Plans of sweeps: frozen once, the same again, and kept for any run of a planned version."""

import dataclasses

import pytest

from mlreg_dagster.config import load_settings
from mlreg_dagster.models.sweeps.file import read_configurations
from mlreg_dagster.models.sweeps.plan import (
    NotASweep,
    checked_name,
    freeze_plan,
    plan_of_versions,
    planned_for,
    read_plan,
    require_same,
)
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactTampered
from mlreg_dagster_tests.models.sweeps.plans import FILE, a_plan, train_planned
from mlreg_dagster_tests.registry.builders import NOW


def test_a_plan_reads_back_and_another_one_does_not_take_its_place(store):
    assert read_plan(store, "trees") is None
    freeze_plan(a_plan(), store)
    freeze_plan(a_plan(), store)
    assert read_plan(store, "trees") == a_plan()
    assert [each.model_settings for each in a_plan().configurations[1:]] == [
        load_settings().model("model").override({"params": {"n_estimators": 50, "max_samples": 1.0}}),
        load_settings().model("model_lof"),
    ]
    with pytest.raises(NotASweep, match="Another sweep was planned as trees"):
        freeze_plan(a_plan(first=9), store)


def test_a_plan_that_was_changed_is_refused(store, tmp_path):
    freeze_plan(a_plan(), store)
    file = tmp_path / "artifacts/sweeps/trees/sweep.json"
    file.chmod(0o600)
    file.write_text(file.read_text().replace("50", "51"))
    with pytest.raises(ArtifactTampered):
        read_plan(store, "trees")
    assert planned_for(store, "v5") is None


def test_a_version_finds_its_plan_without_reading_those_of_other_sweeps(store, monkeypatch):
    plans = [a_plan(f"s{number}", first=10 * number) for number in range(1, 6)]
    for plan in plans:
        freeze_plan(plan, store)
    read, real = [], type(store).read
    monkeypatch.setattr(
        type(store), "read", lambda *given, **options: read.append(given[1:3]) or real(*given, **options)
    )
    assert planned_for(store, "v31") == (plans[2], plans[2].configurations[1])
    assert read == [("sweeps", "s3")]
    assert planned_for(store, "v13") is None
    assert planned_for(store, "champion") is None
    assert read == [("sweeps", "s3")]


def test_a_sweep_that_was_killed_between_its_versions_and_its_plan_keeps_no_version(store, monkeypatch):
    real = type(store).freeze

    def killed(self, kind, *given):
        if kind == "sweeps":
            raise KeyboardInterrupt
        return real(self, kind, *given)

    with monkeypatch.context() as until:
        until.setattr(type(store), "freeze", killed)
        with pytest.raises(KeyboardInterrupt):
            freeze_plan(a_plan(), store)
    assert planned_for(store, "v5") is None
    freeze_plan(a_plan("others", first=5), store)  # v5 was free, after all
    freeze_plan(a_plan(first=9), store)  # the command again: with other versions
    assert planned_for(store, "v5")[0].name == "others"
    assert [planned_for(store, name)[0].name for name in ("v9", "v10", "v11")] == ["trees"] * 3
    assert planned_for(store, "v4") is None


def test_versions_of_sweeps_that_were_planned_at_once_are_told_apart(store):
    one, other = a_plan("one"), a_plan("other")
    for plan, versions in ((one, ("v4", "v6", "v8")), (other, ("v5", "v7", "v9"))):
        each = zip(plan.configurations, versions, strict=True)
        configurations = tuple(dataclasses.replace(planned, version=version) for planned, version in each)
        freeze_plan(dataclasses.replace(plan, configurations=configurations), store)
    assert [planned_for(store, f"v{number}")[0].name for number in range(4, 10)] == ["one", "other"] * 3


@pytest.mark.parametrize("content", [b"", b"[]", b'{"name": "trees"}', b'{"name": 1, "configurations": []}'])
def test_what_is_no_plan_is_refused_in_words(store, content):
    store.freeze("sweeps", "trees", {"sweep.json": content})
    with pytest.raises(NotASweep, match="The plan of the sweep trees"):
        read_plan(store, "trees")


@pytest.mark.parametrize("name", ["", "Trees", "../trees", "a b", "-a", "a" * 65])
def test_a_name_that_no_address_can_have_is_refused(name):
    with pytest.raises(NotASweep, match="can't be the name of a sweep"):
        checked_name(name)


def test_the_same_file_goes_on_and_another_one_asks_for_another_name():
    def configurations(text):
        return read_configurations(text, "trees.yaml", load_settings())

    require_same(a_plan(), configurations(FILE), None)
    require_same(a_plan(), configurations(FILE), "2017-12-19")
    with pytest.raises(NotASweep, match="was planned on the dataset of 2017-12-19, not of 2017-12-20"):
        require_same(a_plan(), configurations(FILE), "2017-12-20")
    with pytest.raises(NotASweep, match="2 beside the base; now 2, first in number 1"):
        require_same(a_plan(), configurations(FILE.replace("50", "51")), None)
    with pytest.raises(NotASweep, match="2 beside the base; now 1"):
        require_same(a_plan(), configurations("configurations: [{name: few, params.n_estimators: 50}]"), None)


def test_versions_tell_of_a_sweep_whose_plan_is_not_here(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    for number in (2, 0):
        train_planned(registry, a_plan(), number)
    found = plan_of_versions("trees", registry.versions())
    assert (found.name, found.dataset_day, found.planned_at) == ("trees", "2017-12-19", NOW)
    kept = [(each.number, each.version, each.changes, each.settings) for each in a_plan().configurations]
    assert [(e.number, e.version, e.changes, e.settings) for e in found.configurations] == [kept[0], kept[2]]
    assert dataclasses.astuple(found.base)[1] == "base"
