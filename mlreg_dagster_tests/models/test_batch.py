"""Scoring a file: the same scores as in memory, whatever its form and length, and refusals in words."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.market.features.provenance import OtherFeatureSettings
from mlreg_dagster.models import batch
from mlreg_dagster.models.artifacts.artifact import FeatureMismatch, Model
from mlreg_dagster.models.batch import BatchSummary, CannotScoreFile, score_file

FORMS = ["csv", "parquet"]


@pytest.fixture
def model(model_of) -> Model:
    return model_of()


@pytest.fixture
def rows(world) -> pd.DataFrame:
    """Rows of market_features: twenty in-sample, then some of the day after the dataset."""
    after = world.holdout.rows.assign(hour=world.holdout.rows["hour"] + pd.Timedelta(days=1))
    return pd.concat([world.training.rows.tail(20), after], ignore_index=True)


def write(rows: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_parquet(path, index=False)
    return path


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize("target", FORMS)
def test_a_file_gets_the_scores_that_its_rows_have_in_memory(model, rows, tmp_path, source, target):
    out = tmp_path / f"out.{target}"
    summary = score_file(model, write(rows, tmp_path / f"in.{source}"), out)
    scores = model.score(model.select(rows))
    found = read(out)
    assert list(found.columns) == ["hour", "instrument_id", "version", "score", "flagged", "in_sample"]
    assert (pd.to_datetime(found["hour"], utc=True) == rows["hour"]).all()
    assert (found["instrument_id"] == rows["instrument_id"]).all()
    assert set(found["version"]) == {"v1"}
    assert (found["score"].to_numpy() == scores).all()
    assert (found["flagged"] == (scores > model.threshold)).all()
    assert (found["in_sample"] == (rows["hour"] < model.scores_from)).all()
    assert summary == BatchSummary(len(rows), int((scores > model.threshold).sum()), 20, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"in.{source}", f"out.{target}"])


@pytest.mark.parametrize("form", FORMS)
def test_the_length_of_a_piece_changes_nothing(model, rows, tmp_path, monkeypatch, form):
    source = write(rows, tmp_path / f"in.{form}")
    score_file(model, source, tmp_path / "whole.parquet")
    monkeypatch.setattr(batch, "_ROWS_AT_ONCE", 7)
    monkeypatch.setattr(batch, "_LARGEST_BLOCK", 1 << 14)
    score_file(model, source, tmp_path / "pieces.parquet")
    pd.testing.assert_frame_equal(read(tmp_path / "whole.parquet"), read(tmp_path / "pieces.parquet"))


@pytest.mark.parametrize("form", FORMS)
def test_rows_with_nothing_but_the_features_are_scored_in_their_order(model, rows, tmp_path, form):
    features = rows[model.features]
    summary = score_file(model, write(features, tmp_path / f"in.{form}"), tmp_path / "out.csv")
    assert (summary.rows, summary.in_sample, summary.is_checked) == (len(rows), None, False)
    found = read(tmp_path / "out.csv")
    assert list(found.columns) == ["version", "score", "flagged"]
    assert (found["score"].to_numpy() == model.score(features)).all()


@pytest.mark.parametrize("form", FORMS)
def test_no_rows_give_no_scores(model, rows, tmp_path, form):
    summary = score_file(model, write(rows.head(0), tmp_path / f"in.{form}"), tmp_path / "out.parquet")
    assert (summary.rows, summary.flagged) == (0, 0)
    assert read(tmp_path / "out.parquet").empty


def test_an_empty_cell_is_a_feature_that_is_not_known(model, rows, tmp_path):
    features = rows[["instrument_id", *model.features]].copy()
    features.loc[3, model.features[0]] = np.nan
    score_file(model, write(features, tmp_path / "in.csv"), tmp_path / "out.csv")
    assert (read(tmp_path / "out.csv")["score"].to_numpy() == model.score(features[model.features])).all()


@pytest.mark.parametrize("form", FORMS)
def test_a_row_without_an_hour_is_not_said_to_be_out_of_sample(model, rows, tmp_path, form):
    rows = rows[["hour", *model.features]].copy()
    rows.loc[3, "hour"] = pd.NaT
    summary = score_file(model, write(rows, tmp_path / f"in.{form}"), tmp_path / "out.parquet")
    found = read(tmp_path / "out.parquet")["in_sample"]
    assert found.isna().tolist() == [number == 3 for number in range(len(rows))]
    assert (summary.in_sample, summary.unknown_hours) == (19, 1)


def test_an_hour_that_is_a_number_is_refused(model, rows, tmp_path):
    rows = rows[["hour", *model.features]].assign(hour=1767916800)
    with pytest.raises(CannotScoreFile, match="column hour holds numbers"):
        score_file(model, write(rows, tmp_path / "in.parquet"), tmp_path / "out.csv")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns=rows.columns[3]), "missing"),
        (lambda rows: rows.assign(extra=1.0), r"unknown \['extra'\]"),
        (lambda rows: rows[list(rows.columns[::-1])], "order differs"),
    ],
    ids=["missing", "unknown", "order"],
)
def test_features_that_differ_in_name_or_order_are_refused(model, rows, tmp_path, form, change, message):
    source = write(change(rows[model.features]), tmp_path / f"in.{form}")
    with pytest.raises(FeatureMismatch, match=message):
        score_file(model, source, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_rows_of_other_settings_are_refused(model, rows, tmp_path):
    other = rows.assign(feature_settings=rows["feature_settings"].str.replace("0.5", "0.6"))
    assert (other["feature_settings"] != rows["feature_settings"]).all()
    with pytest.raises(OtherFeatureSettings):
        score_file(model, write(other, tmp_path / "in.parquet"), tmp_path / "out.csv")


def _infinite(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{rows.columns[5]: np.inf})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_infinite, "infinite values"),
        (lambda rows: rows.assign(hour="yesterday, or so"), "column hour is no time"),
        (lambda rows: rows.assign(feature_settings="no json"), "something else than settings"),
        (lambda rows: rows.assign(feature_settings="[1]"), "something else than settings"),
        (lambda rows: rows.drop(columns="hour"), "needs an hour"),
    ],
    ids=["infinite", "no time", "no json", "a list", "no hour"],
)
@pytest.mark.parametrize("form", FORMS)
def test_values_that_mean_nothing_are_refused_by_their_column(model, rows, tmp_path, form, change, message):
    with pytest.raises(CannotScoreFile, match=message):
        score_file(model, write(change(rows), tmp_path / f"in.{form}"), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_text_in_a_feature_is_refused(model, rows, tmp_path):
    odd = rows.astype({model.features[0]: object})
    odd.loc[4, model.features[0]] = "high"
    odd[model.features[0]] = odd[model.features[0]].astype(str)
    for form, message in (("csv", "can't be read as csv"), ("parquet", "something else than numbers")):
        with pytest.raises(CannotScoreFile, match=message):
            score_file(model, write(odd, tmp_path / f"in.{form}"), tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.parquet", b""),
        ("in.parquet", b"PAR1" + b"\x00" * 40 + b"PAR1"),
        ("in.parquet", b"hour,instrument_id\n"),
        ("in.csv", b""),
        ("in.csv", b"\xff\xfe\x00a,b\n1,2\n"),
        ("in.csv", b"a,b\n1,2,3\n"),
        ("in.csv", b'a,b\n1,"2\n'),
        ("in.csv", b"a,a\n1,2\n"),
        ("in.csv", b"\x00" * 4096),
        ("in.txt", b"a\n1\n"),
        ("in", b"a\n1\n"),
    ],
)
def test_a_file_of_another_form_is_refused_in_words(model, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MlregError) as refused:
        score_file(model, tmp_path / name, tmp_path / "out.csv")
    assert str(refused.value).isprintable()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_damaged_parquet_file_is_refused_wherever_the_damage_is(model, rows, tmp_path):
    whole = write(rows, tmp_path / "whole.parquet").read_bytes()
    draw = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(whole)
        place = int(draw.integers(len(damaged)))
        damaged[place : place + 8] = draw.bytes(8)
        (tmp_path / "in.parquet").write_bytes(damaged)
        try:
            score_file(model, tmp_path / "in.parquet", tmp_path / "out.csv")
        except MlregError:
            assert not (tmp_path / "out.csv").exists()
        else:
            (tmp_path / "out.csv").unlink()


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe", "too large"])
def test_what_is_no_file_is_refused(model, tmp_path, monkeypatch, kind):
    source = tmp_path / "in.csv"
    if kind == "folder":
        source.mkdir()
    elif kind == "pipe":
        os.mkfifo(source)
    elif kind == "too large":
        monkeypatch.setattr(batch, "_LARGEST_FILE", 10)
        source.write_text("a,b,c,d,e,f\n")
    with pytest.raises(MlregError, match=r"in\.csv"):
        score_file(model, source, tmp_path / "out.csv")


def test_the_rows_are_never_written_over(model, rows, tmp_path):
    source = write(rows, tmp_path / "in.csv")
    (tmp_path / "link.csv").symlink_to(source)
    for target in (source, tmp_path / "link.csv"):
        with pytest.raises(CannotScoreFile, match="would be lost"):
            score_file(model, source, target)


def test_an_older_result_stays_until_the_new_one_is_whole(model, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "_ROWS_AT_ONCE", 7)
    broken = rows.copy()
    broken.loc[len(rows) - 1, model.features[0]] = np.inf
    (tmp_path / "out.csv").write_text("the older one\n")
    with pytest.raises(CannotScoreFile):
        score_file(model, write(broken, tmp_path / "in.parquet"), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "the older one\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.csv"]
