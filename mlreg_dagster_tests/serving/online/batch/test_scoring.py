"""Scoring a file: the same scores as in memory, whatever its form and length, and refusals in words."""

import json
import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.features.newest import mirror_newest_features
from mlreg_dagster.market.features.provenance import OtherFeatureSettings
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.serving.following.follower import Served
from mlreg_dagster.serving.online.batch import reading, scoring
from mlreg_dagster.serving.online.batch.columns import CannotScoreFile
from mlreg_dagster.serving.online.batch.scoring import BatchSummary
from mlreg_dagster.serving.online.latest import LatestHour, UnknownInstrument
from mlreg_dagster.serving.scoring.thresholds import training_threshold
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.mirror import Mirror
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.serving import served_models

FORMS = ["csv", "parquet", "jsonl"]
SETTINGS = ServingSettings()
ANSWERED = ["version", "score", "is_anomaly", "distance", "training_quantile"]


@pytest.fixture(scope="module")
def model(model_of) -> Model:
    return model_of()


@pytest.fixture(scope="module")
def served(model, tmp_path_factory) -> Served:
    """The frozen model as the server holds it; nothing that scores by it changes it."""
    store = open_artifacts(str(tmp_path_factory.mktemp("served")))
    return Served("champion", "champion", 3, None, served_models.served(store, model))


@pytest.fixture
def score_file(served):
    """Scores a file by the served model; further arguments are those of `scoring.score_file`."""

    def run(source: Path, target: Path, **changes) -> BatchSummary:
        return scoring.score_file(served, source, target, SETTINGS, **changes)

    return run


@pytest.fixture
def rows(world) -> pd.DataFrame:
    """Rows of market_features: twenty in-sample, then some of the day after the dataset."""
    after = world.holdout.rows.assign(hour=world.holdout.rows["hour"] + pd.Timedelta(days=1))
    return pd.concat([world.training.rows.tail(20), after], ignore_index=True)


def write(rows: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        rows.to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        rows = rows.assign(hour=rows["hour"].astype(str).where(rows["hour"].notna())) if "hour" in rows else rows
        _exactly(rows, path)
    else:
        rows.to_parquet(path, index=False)
    return path


def files(folder: Path) -> list[str]:
    """All but the store of the model."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def _exactly(rows: pd.DataFrame, path: Path) -> None:
    """As pandas writes JSON, but with every digit."""
    records = rows.astype(object).where(rows.notna(), None).to_dict("records")
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize("target", FORMS)
def test_a_file_gets_the_scores_that_its_rows_have_in_memory(score_file, served, model, rows, tmp_path, source, target):
    out = tmp_path / f"out.{target}"
    summary = score_file(write(rows, tmp_path / f"in.{source}"), out)
    scores = model.score(model.select(rows))
    found = read(out)
    assert list(found.columns) == ["hour", "instrument_id", *ANSWERED, "in_sample"]
    assert (pd.to_datetime(found["hour"], utc=True) == rows["hour"]).all()
    assert (found["instrument_id"] == rows["instrument_id"]).all()
    assert set(found["version"]) == {"v1"}
    assert (found["score"].to_numpy() == scores).all()
    threshold = training_threshold(served.model)
    assert (found["is_anomaly"] == (scores > threshold.value)).all()
    assert (found["distance"] == scores - threshold.value).all()
    np.testing.assert_array_equal(found["training_quantile"].astype(float), served.model.quantile_of(scores))
    assert (found["in_sample"] == (rows["hour"] < model.scores_from)).all()
    assert summary == BatchSummary(len(rows), int((scores > threshold.value).sum()), threshold, 20, True)
    assert files(tmp_path) == sorted([f"in.{source}", f"out.{target}"])


@pytest.mark.parametrize("form", FORMS)
def test_the_length_of_a_piece_changes_nothing(score_file, rows, tmp_path, monkeypatch, form):
    source = write(rows, tmp_path / f"in.{form}")
    score_file(source, tmp_path / "whole.parquet")
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 7)
    score_file(source, tmp_path / "pieces.parquet")
    pd.testing.assert_frame_equal(read(tmp_path / "whole.parquet"), read(tmp_path / "pieces.parquet"))


@pytest.mark.parametrize("form", FORMS)
def test_rows_with_nothing_but_the_features_are_scored(score_file, model, rows, tmp_path, form):
    features = rows[model.features]
    summary = score_file(write(features, tmp_path / f"in.{form}"), tmp_path / "out.csv")
    assert (summary.rows, summary.in_sample, summary.is_checked) == (len(rows), None, False)
    found = read(tmp_path / "out.csv")
    assert list(found.columns) == ANSWERED
    assert (found["score"].to_numpy() == model.score(features)).all()


@pytest.mark.parametrize("form", FORMS)
def test_columns_may_stand_in_any_order(score_file, model, rows, tmp_path, form):
    score_file(write(rows[rows.columns[::-1]], tmp_path / f"in.{form}"), tmp_path / "out.parquet")
    assert (read(tmp_path / "out.parquet")["score"].to_numpy() == model.score(model.select(rows))).all()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_no_rows_give_no_scores(score_file, rows, tmp_path, form):
    summary = score_file(write(rows.head(0), tmp_path / f"in.{form}"), tmp_path / "out.parquet")
    assert (summary.rows, summary.anomalies) == (0, 0)
    assert read(tmp_path / "out.parquet").empty


@pytest.mark.parametrize("form", FORMS)
def test_a_null_is_a_feature_that_is_not_known(score_file, model, rows, tmp_path, form):
    features = rows[["instrument_id", *model.features]].copy()
    features.loc[3, model.features[0]] = np.nan
    score_file(write(features, tmp_path / f"in.{form}"), tmp_path / "out.csv")
    assert (read(tmp_path / "out.csv")["score"].to_numpy() == model.score(features[model.features])).all()


@pytest.mark.parametrize("form", FORMS)
def test_a_row_without_an_hour_is_not_said_to_be_out_of_sample(score_file, model, rows, tmp_path, form):
    rows = rows[["hour", *model.features]].copy()
    rows.loc[3, "hour"] = pd.NaT
    summary = score_file(write(rows, tmp_path / f"in.{form}"), tmp_path / "out.parquet")
    found = read(tmp_path / "out.parquet")["in_sample"]
    assert found.isna().tolist() == [number == 3 for number in range(len(rows))]
    assert (summary.in_sample, summary.unknown_hours) == (19, 1)


@pytest.mark.parametrize("spelled", ["", "NaN", "null", " NA ", "+1.5", ".5", " 2", "1e3", "-0.0"])
def test_numbers_in_csv_are_spelled_in_many_ways(score_file, model, rows, tmp_path, spelled):
    features = rows[model.features].head(3)
    value = float(spelled) if any(map(str.isdigit, spelled)) else np.nan
    expected = features.assign(**{model.features[0]: value})
    features.astype(str).assign(**{model.features[0]: spelled}).to_csv(tmp_path / "in.csv", index=False)
    score_file(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (read(tmp_path / "out.csv")["score"].to_numpy() == model.score(expected)).all()


def test_an_hour_that_is_a_number_is_refused(score_file, model, rows, tmp_path):
    rows = rows[["hour", *model.features]].assign(hour=1767916800)
    with pytest.raises(CannotScoreFile, match="column hour holds int64, not times"):
        score_file(write(rows, tmp_path / "in.parquet"), tmp_path / "out.csv")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns=rows.columns[3]), "it lacks {}"),
        (lambda rows: rows.assign(extra=1.0), "it has extra"),
        (lambda rows: rows.rename(columns={rows.columns[3]: "extra"}), "it lacks {} and it has extra"),
    ],
    ids=["missing", "unknown", "both"],
)
def test_features_that_differ_in_name_are_refused(score_file, model, rows, tmp_path, form, change, message):
    source = write(change(rows[model.features]), tmp_path / f"in.{form}")
    with pytest.raises(CannotScoreFile, match=message.format(model.features[3])):
        score_file(source, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_rows_of_other_settings_are_refused(score_file, rows, tmp_path):
    other = rows.assign(feature_settings=rows["feature_settings"].str.replace("0.5", "0.6"))
    assert (other["feature_settings"] != rows["feature_settings"]).all()
    with pytest.raises(OtherFeatureSettings):
        score_file(write(other, tmp_path / "in.parquet"), tmp_path / "out.csv")


def world_settings(rows: pd.DataFrame) -> FeatureSettings:
    return FeatureSettings.model_validate_json(rows["feature_settings"].iloc[0])


def _infinite(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{rows.columns[5]: np.inf})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_infinite, "line [12]: .*(is inf, infinite to a model|no JSON)"),
        (lambda rows: rows.assign(hour="yesterday, or so"), "line [12]: its hour is no time"),
        (lambda rows: rows.assign(feature_settings="no json"), "something else than settings"),
        (lambda rows: rows.assign(feature_settings="[1]"), "something else than settings"),
    ],
    ids=["infinite", "no time", "no json", "a list"],
)
@pytest.mark.parametrize("form", FORMS)
def test_values_that_mean_nothing_are_refused_by_their_column(score_file, rows, tmp_path, form, change, message):
    with pytest.raises(CannotScoreFile, match=message):
        score_file(write(change(rows), tmp_path / f"in.{form}"), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_text_in_a_feature_is_refused(score_file, model, rows, tmp_path):
    odd = rows.astype({model.features[0]: object})
    odd.loc[4, model.features[0]] = "high"
    odd[model.features[0]] = odd[model.features[0]].astype(str)
    with pytest.raises(CannotScoreFile, match=f"its column {model.features[0]} holds .*string, not numbers"):
        score_file(write(odd, tmp_path / "in.parquet"), tmp_path / "out.csv")


def test_rows_that_are_wrong_are_named_by_their_lines(score_file, model, tmp_path):
    name, *others = model.features
    body = "\n".join("%s" + ",1" * len(others) for _ in range(4))
    text = f"{','.join(model.features)}\n\n{body}\n1,2\n"
    (tmp_path / "in.csv").write_text(text % ("1", "high", "1_0", "nix") + "\n")
    with pytest.raises(CannotScoreFile, match=rf"line 7 has 2 values instead of {len(model.features)}\. Fix them"):
        score_file(tmp_path / "in.csv", tmp_path / "out.csv")
    (tmp_path / "in.csv").write_text(text.removesuffix("1,2\n") % ("1", "high", "1_0", "nix"))
    expected = f"line 4: {name} is 'high', no number; line 5: {name} is '1_0', no number; line 6: {name} is 'nix', no"
    with pytest.raises(CannotScoreFile, match=expected):
        score_file(tmp_path / "in.csv", tmp_path / "out.csv")


def test_a_line_of_a_quoted_text_counts(score_file, model, tmp_path):
    head, ones = ",".join(["instrument_id", *model.features]), ",1" * (len(model.features) - 1)
    (tmp_path / "in.csv").write_text(f'{head}\n"a\nb",1{ones}\nc,high{ones}\n')
    with pytest.raises(CannotScoreFile, match=f"in.csv: line 4: {model.features[0]} is 'high', no number"):
        score_file(tmp_path / "in.csv", tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 3: it is no JSON"),
        ("[1]", "line 3: it is no JSON object"),
        ('{"instrument_id": "x"}', "line 3 differs from the first one in the names "),
        ("[" * 100_000, "line 3: it is no JSON"),
        ("high", "line 3: it is no JSON"),
        ({"first": "high"}, "line 3: {} is 'high', no number"),
        ({"first": True}, "line 3: {} is True, no number"),
        ({"first": "1.5"}, "line 3: {} is '1.5', no number"),
        ({"instrument_id": 7}, "line 3: instrument_id is no text"),
    ],
)
def test_lines_of_json_that_are_wrong_are_named(score_file, model, rows, tmp_path, line, message):
    row = json.loads(rows[["instrument_id", *model.features]].head(1).to_json(orient="records"))[0]
    if isinstance(line, dict):
        changed = {model.features[0] if name == "first" else name: value for name, value in line.items()}
        line = json.dumps(row | changed)
    (tmp_path / "in.jsonl").write_text(f"{json.dumps(row)}\n\n{line}\n")
    with pytest.raises(CannotScoreFile, match=message.format(model.features[0])):
        score_file(tmp_path / "in.jsonl", tmp_path / "out.csv")


def test_a_row_of_parquet_is_named_by_its_number(score_file, model, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 4)
    rows = rows[model.features].copy()
    rows.loc[9, model.features[1]] = -1e300
    with pytest.raises(CannotScoreFile, match=f"line 10: {model.features[1]} is -1e\\+300, infinite to a model"):
        score_file(write(rows, tmp_path / "in.parquet"), tmp_path / "out.csv")


def test_a_file_of_instruments_alone_is_scored_by_the_newest_hour(score_file, model, rows, tmp_path):
    newest = rows["hour"].max()
    table, tables = features_table(world_settings(rows)), DuckDBWarehouse(tmp_path / "tables" / "warehouse.duckdb")
    tables.write(table, rows[list(table.columns)], rows["hour"].unique())
    mirror_newest_features(tables, table, Mirror(tmp_path / "tables" / "latest"))
    later = newest.to_pydatetime() + timedelta(hours=3)
    latest = LatestHour(str(tmp_path / "tables" / "latest"), now=lambda: later)
    of_hour = rows[rows["hour"] == newest].iloc[::-1]
    of_hour[["instrument_id"]].to_csv(tmp_path / "in.csv", index=False)
    summary = score_file(tmp_path / "in.csv", tmp_path / "out.csv", latest=latest)
    found = read(tmp_path / "out.csv")
    assert list(found.columns) == ["instrument_id", "hour", *ANSWERED]
    assert (found["score"].to_numpy() == model.score(model.select(of_hour))).all()
    assert summary.stale
    (tmp_path / "in.csv").write_text("instrument_id\nnix\n")
    with pytest.raises(UnknownInstrument, match="has no row of nix"):
        score_file(tmp_path / "in.csv", tmp_path / "other.csv", latest=latest)
    (tmp_path / "in.csv").write_text("instrument_id,hour\nnix,2026-01-01T00:00\n")
    with pytest.raises(CannotScoreFile, match="its column hour can't be kept to"):
        score_file(tmp_path / "in.csv", tmp_path / "other.csv", latest=latest)


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
        ("in.jsonl", b""),
        ("in.jsonl", b"\xff\xfe"),
        ("in.jsonl", b"{}\n"),
        ("in.csv", b"\x00" * 4096),
        ("in.txt", b"a\n1\n"),
        ("in", b"a\n1\n"),
    ],
)
def test_a_file_of_another_form_is_refused_in_words(score_file, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MlregError) as refused:
        score_file(tmp_path / name, tmp_path / "out.csv")
    assert str(refused.value).isprintable()
    assert files(tmp_path) == [name]


def test_a_damaged_parquet_file_is_refused_wherever_the_damage_is(score_file, rows, tmp_path):
    whole = write(rows, tmp_path / "whole.parquet").read_bytes()
    draw = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(whole)
        place = int(draw.integers(len(damaged)))
        damaged[place : place + 8] = draw.bytes(8)
        (tmp_path / "in.parquet").write_bytes(damaged)
        try:
            score_file(tmp_path / "in.parquet", tmp_path / "out.csv")
        except MlregError:
            assert not (tmp_path / "out.csv").exists()
        else:
            (tmp_path / "out.csv").unlink()


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe", "too large"])
def test_what_is_no_file_is_refused(score_file, tmp_path, monkeypatch, kind):
    source = tmp_path / "in.csv"
    if kind == "folder":
        source.mkdir()
    elif kind == "pipe":
        os.mkfifo(source)
    elif kind == "too large":
        monkeypatch.setattr(reading, "_LARGEST_FILE", 10)
        source.write_text("a,b,c,d,e,f\n")
    with pytest.raises(MlregError, match=r"in\.csv"):
        score_file(source, tmp_path / "out.csv")


def test_the_rows_are_never_written_over(score_file, rows, tmp_path):
    source = write(rows, tmp_path / "in.csv")
    (tmp_path / "link.csv").symlink_to(source)
    for target in (source, tmp_path / "link.csv"):
        with pytest.raises(CannotScoreFile, match="would be lost"):
            score_file(source, target, overwrite=True)


def test_another_file_is_never_written_over_unasked(score_file, rows, tmp_path):
    source, out = write(rows, tmp_path / "in.csv"), tmp_path / "out.csv"
    out.write_text("the older one\n")
    with pytest.raises(CannotScoreFile, match=r"out\.csv is there already\. Name another file, or replace it with"):
        score_file(source, out)
    assert out.read_text() == "the older one\n"
    assert score_file(source, out, overwrite=True).replaced
    assert len(read(out)) == len(rows)


def test_an_older_result_stays_until_the_new_one_is_whole(score_file, model, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 7)
    broken = rows.copy()
    broken.loc[len(rows) - 1, model.features[0]] = np.inf
    (tmp_path / "out.csv").write_text("the older one\n")
    with pytest.raises(CannotScoreFile):
        score_file(write(broken, tmp_path / "in.parquet"), tmp_path / "out.csv", overwrite=True)
    assert (tmp_path / "out.csv").read_text() == "the older one\n"
    assert files(tmp_path) == ["in.parquet", "out.csv"]
