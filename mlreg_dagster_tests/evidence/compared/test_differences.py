"""What differs between two versions, against manifests and rows compared one by one."""

from dataclasses import replace

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets import freezing
from mlreg_dagster.evidence.compared.differences import differences_of, gates_side_by_side
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import open_artifacts


def _leaves(values, prefix=""):
    """Every value of nested mappings, by its path."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _opened(home):
    return Registry(f"sqlite:///{home / 'registry.sqlite'}"), open_artifacts(str(home / "artifacts"))


def test_values_of_manifests_are_those_that_differ(live_home):
    registry, store = _opened(live_home)
    left, right = registry.version("v1"), registry.version("v3")
    found = {
        each.key: (each.left, each.right)
        for rows in differences_of(left, right, store).manifests.values()
        for each in rows
    }
    before, after = dict(_leaves(left.manifest)), dict(_leaves(right.manifest))
    differ = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    looked_at = ("settings", "feature", "dataset", "training_first", "training_end", "training_rows", "libraries")
    assert {key for key in differ if key.startswith(looked_at)} == {key for key in found if key.startswith(looked_at)}
    assert found["settings.detector"] == ("local_outlier_factor", "isolation_forest")
    assert all(found[key] == (before.get(key), after.get(key)) for key in found)


def test_hours_of_datasets_are_those_whose_rows_differ(live_home, tmp_path):
    registry, store = _opened(live_home)
    left = registry.version("v1")
    before = freezing.load(store, freezing.TRAINING, left.dataset_day, left.dataset_sha256)
    hours = sorted(before.rows["hour"].unique())
    rows = before.rows[before.rows["hour"] != hours[3]].copy()  # dropped
    added = before.rows[before.rows["hour"] == hours[-1]].assign(hour=hours[-1] + HOUR)
    rows.loc[rows["hour"].isin(hours[10:12]), "change_1h_pct"] += 1.0  # changed
    rows = freezing.pd.concat([rows, added], ignore_index=True)
    own = open_artifacts(str(tmp_path / "artifacts"))
    own.freeze(freezing.TRAINING, left.dataset_day, store.read(freezing.TRAINING, left.dataset_day))
    lineage = {**before.lineage, "hours": freezing.hash_hours(rows), "rows": len(rows)}
    frozen = freezing.freeze(own, freezing.TRAINING, "2026-01-05", rows, lineage)
    right = replace(left, dataset_day="2026-01-05", dataset_sha256=frozen.sha256)

    found = differences_of(left, right, own)
    after = freezing.load(own, freezing.TRAINING, "2026-01-05").rows
    keyed = [frame.set_index(["hour", "instrument_id"]).sort_index() for frame in (before.rows, after)]
    both = set(before.rows["hour"]) & set(after["hour"])
    changed = sorted(hour for hour in both if not keyed[0].loc[hour].equals(keyed[1].loc[hour]))
    shown = "%Y-%m-%dT%H:%MZ"
    assert list(found.hours.changed) == [f"{hour:{shown}}" for hour in changed]
    assert list(found.hours.dropped) == [f"{hours[3]:{shown}}"]
    assert list(found.hours.added) == [f"{hours[-1] + HOUR:{shown}}"]
    assert found.hours.same == len(both) - len(changed)
    assert ("rows", len(before.rows), len(rows)) in found.lineage
    turned = differences_of(right, left, own)
    assert (turned.hours.added, turned.hours.dropped) == (found.hours.dropped, found.hours.added)


def test_features_are_added_and_dropped(live_home):
    registry, store = _opened(live_home)
    left = registry.version("v1")
    features = [*left.manifest["features"][1:], "beta_24h"]
    right = replace(left, manifest={**left.manifest, "features": features})
    found = differences_of(left, right, store)
    assert found.features_added == ("beta_24h",)
    assert found.features_dropped == (left.manifest["features"][0],)


def test_a_dataset_that_is_not_there_is_named_and_the_rest_is_compared(live_home):
    registry, store = _opened(live_home)
    left = registry.version("v1")
    right = replace(registry.version("v3"), dataset_day="2020-01-01")
    found = differences_of(left, right, store)
    assert found.hours is None
    assert "2020-01-01" in found.problem
    assert found.manifests["settings"]


def test_gates_stand_side_by_side_where_a_version_lacks_one(live_home):
    registry, _ = _opened(live_home)
    left, right = (registry.latest_evaluation(name) for name in ("v1", "v3"))
    pairs = gates_side_by_side(replace(left, gates=left.gates[1:]), right)
    assert [pair.name for pair in pairs] == [gate.name for gate in right.gates]
    assert pairs[0].left is None
    assert all(pair.left == gate for pair, gate in zip(pairs[1:], left.gates[1:], strict=True))
    assert [pair.right for pair in gates_side_by_side(left, None)] == [None] * len(left.gates)
