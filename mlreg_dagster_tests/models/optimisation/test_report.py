"""What a report says of a version and of its variants; no time is asserted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.evidence import optimisation_page
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.evaluation.rounds import average_precision_by_kind, mean_over_kinds
from mlreg_dagster.models.optimisation.making import make_variant
from mlreg_dagster.models.optimisation.profile import ONNX, SELECT, THRESHOLDS, WHOLE, rows_like
from mlreg_dagster.models.optimisation.report import NothingToScore, report_on
from mlreg_dagster.models.registration import register
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.models.builders import with_rows

NOW = pd.Timestamp("2020-02-01 10:00", tz="UTC")
COMPARED = ComparisonSettings(bootstrap_samples=100, min_instruments=2)


@pytest.fixture(scope="module")
def report_of(world, many_rounds, tmp_path_factory):
    def make(model, holdout=world.holdout, rounds=many_rounds):
        place = tmp_path_factory.mktemp("report")
        store, registry = open_artifacts(str(place / "artifacts")), Registry(f"sqlite:///{place}/registry.db")
        record = register(model, store, registry, Attribution("ann", NOW, run_id="run-1"))
        return report_on(record, store, world.training, holdout, rounds, COMPARED, seconds=0.001, sizes=(1, 50))

    return make


@pytest.fixture(scope="module")
def of_forest(model_of, report_of):
    return report_of(model_of("isolation_forest"))


@pytest.fixture(scope="module")
def of_z_score(model_of, report_of):
    return report_of(model_of("robust_z_score"))


@pytest.mark.slow
def test_the_bundle_is_told_by_file_and_the_time_by_part(model_of, of_forest):
    report = of_forest
    stored = artifact.files_of("v1", model_of("isolation_forest"))
    assert {name: report.files[name] for name in stored} == {name: len(content) for name, content in stored.items()}
    assert report.bytes == sum(report.files.values())
    names = {rows: [each.name for each in report.parts if each.rows == rows] for rows in (None, 1, 50)}
    assert names[None] == ["read and verify the bundle", "open the pipelines", "open the graph"]
    steps = [SELECT, "fill nulls", "scale features", "whiten", "detector", THRESHOLDS, ONNX, WHOLE]
    assert names[1] == names[50] == steps
    for rows in (1, 50):
        shares = [each.share for each in report.parts if each.rows == rows and each.share is not None]
        assert sum(shares) == pytest.approx(1)
        assert len(shares) == 6
    assert all(each.timing.repeats >= 1 for each in report.parts)
    assert {part.name for part in report.parts if part.share is None} >= {ONNX, WHOLE}


@pytest.mark.slow
def test_a_variant_is_held_against_its_version_on_the_same_rows(model_of, of_forest, world, many_rounds):
    model, report, rounds = model_of("isolation_forest"), of_forest, many_rounds
    found = {each.change: each for each in report.variants}
    assert list(found) == ["half_trees", "quarter_trees", "float32", "quantised"]
    made = make_variant("v1", model, "v1", "quarter_trees", world.training)
    flags = [
        scores > each.thresholds(world.holdout.rows["hour"], scores)
        for each in (model, made)
        for scores in [each.score(each.select(world.holdout.rows))]
    ]
    quarter, same = found["quarter_trees"], found["float32"]
    assert quarter.label_flips == pytest.approx(np.mean(flags[0] != flags[1]))
    assert quarter.label_flips > 0
    whole, less = (mean_over_kinds(average_precision_by_kind(each, each.score, rounds)) for each in (model, made))
    assert report.average_precision == pytest.approx(whole)
    assert quarter.loss == pytest.approx(whole - less)
    assert quarter.low <= quarter.loss <= quarter.high
    assert [each.rows for each in quarter.latency] == [1, 50]
    assert (same.label_flips, same.loss, same.low, same.high) == (0, 0, 0, 0)
    assert quarter.size_ratio < found["half_trees"].size_ratio < same.size_ratio < 1


def test_what_is_not_for_a_kind_is_said(of_z_score):
    report = of_z_score
    assert [each.change for each in report.variants if each.is_made] == ["float32"]
    assert {each.reason for each in report.variants if not each.is_made} == {"it has no trees"}
    assert all(each.loss is None and each.size_ratio is None for each in report.variants if not each.is_made)


def test_a_variant_has_no_variants(model_of, report_of, world):
    report = report_of(make_variant("v2", model_of("isolation_forest"), "v1", "half_trees", world.training))
    assert report.variant == {"of": "v1", "change": "half_trees"}
    assert not any(each.is_made for each in report.variants)
    assert report.sentences[1] == "No change is for v2: it is a variant of v1 already. Make another variant of v1."


def test_without_planted_anomalies_a_loss_is_not_told(model_of, report_of):
    report = report_of(model_of("robust_z_score"), rounds=[])
    (made,) = (each for each in report.variants if each.is_made)
    assert (report.average_precision, made.average_precision, made.loss) == (None, None, None)
    assert made.label_flips is not None
    assert "can't be told" in report.sentences[1]


@pytest.mark.slow
def test_the_variant_that_is_named_is_the_smallest_that_is_not_shown_to_be_worse(of_forest):
    report, small = of_forest, of_forest.variants[0]
    worse = replace(small, bytes=1, size_ratio=0.1, verdict="worse", change="worst")
    kept = replace(small, bytes=2, size_ratio=0.2, verdict="not distinguishable", change="kept")
    larger = replace(small, bytes=3, size_ratio=1.2, verdict="better", change="larger")
    assert " is kept: 20% of the size" in replace(report, variants=(larger, worse, kept)).sentences[1]
    assert replace(report, variants=(worse, larger)).sentences[1].startswith("Every smaller variant of v1 is shown")


def test_a_holdout_without_rows_is_refused(model_of, report_of, world):
    with pytest.raises(NothingToScore, match="Holdout 2020-01-12 has no rows to score"):
        report_of(model_of("robust_z_score"), holdout=with_rows(world.holdout, world.holdout.rows.iloc[:0]))


def test_more_rows_than_there_are_lie_in_the_hours_that_follow(world):
    rows = rows_like(world.holdout, 2 * len(world.holdout.rows) + 3)
    assert len(rows) == 2 * len(world.holdout.rows) + 3
    assert not rows.duplicated(["hour", "instrument_id"]).any()
    assert rows["hour"].is_monotonic_increasing


def test_the_page_shows_variants_and_refusals_and_runs_nothing(of_z_score):
    page = optimisation_page.render(of_z_score, NOW)
    assert "What v1 costs" in page
    assert "quarter_trees (the first quarter of its trees): not for this kind, as it has no trees." in page
    assert page.count("<img ") == 1
    assert "<script" not in page
    assert "http" not in page
