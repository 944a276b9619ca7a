"""The command that scores files: by the server's code, without a server."""

import json

import numpy as np
import pandas as pd

from mlreg_dagster_tests.lifecycle import Lifecycle


def newest_rows(live: Lifecycle) -> pd.DataFrame:
    return live.warehouse.query("SELECT * FROM market_features WHERE hour >= '2026-01-05' AND hour < '2026-01-06'")


def test_score_writes_what_the_champion_says_of_the_rows_of_a_file(on_live, live: Lifecycle, tmp_path):
    rows = newest_rows(live)
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    out = tmp_path / "scores.csv"
    answer = on_live("score", str(tmp_path / "rows.parquet"), "--out", str(out))
    assert answer.code == 0, answer.err
    found = pd.read_csv(out, parse_dates=["hour"])
    assert f"v2 scored {len(rows)} rows; {found['is_anomaly'].sum()} are anomalies: {out}." in answer.out
    predicted = live.warehouse.query("SELECT * FROM predictions WHERE model_version = 'v2'")
    both = predicted.merge(found, on=["hour", "instrument_id"])
    assert len(both) == len(predicted) > 0
    np.testing.assert_allclose(both["score_x"], both["score_y"], rtol=1e-12)  # a local outlier factor
    last = predicted.loc[predicted["hour"] == predicted["hour"].max(), "threshold"].unique()
    assert "the threshold of 2026-01-05 23:00 UTC (trailing_share)" in answer.out
    np.testing.assert_allclose(found["score"] - found["distance"], last[0], rtol=1e-12)


def test_what_a_program_reads_of_it(on_live, live: Lifecycle, tmp_path):
    newest_rows(live).to_parquet(tmp_path / "rows.parquet", index=False)
    arguments = ["score", str(tmp_path / "rows.parquet"), "--out", str(tmp_path / "out.jsonl"), "--json"]
    told = json.loads(on_live(*arguments).out)
    version = live.registry.version("v2")
    assert (told["version"], told["artifact_sha256"]) == ("v2", version.artifact_sha256)
    assert (told["alias"], told["alias_sequence"]) == ("champion", live.registry.holder("champion").sequence)
    assert (told["threshold_source"], told["threshold_hour"]) == ("hour", "2026-01-05T23:00:00+00:00")
    assert told["rows"] == len((tmp_path / "out.jsonl").read_text().splitlines())
    again = on_live(*arguments)
    assert (again.code, again.out) == (1, "")
    assert "out.jsonl is there already. Name another file, or replace it with --overwrite." in again.err
    assert json.loads(on_live(*arguments, "--overwrite").out) == told | {"replaced": True}


def test_a_version_without_a_graph_is_scored_by_its_pipeline(on_live, live: Lifecycle, tmp_path, monkeypatch):
    monkeypatch.setattr("mlreg_dagster.models.artifacts.files.GRAPH", "no such file")
    newest_rows(live).to_parquet(tmp_path / "rows.parquet", index=False)
    answer = on_live("score", str(tmp_path / "rows.parquet"), "--out", str(tmp_path / "out.csv"), "--model", "v1")
    assert "v1 has no graph: its pipeline scored, and no server can serve it." in answer.out
    predicted = live.warehouse.query("SELECT hour, instrument_id, score FROM predictions WHERE model_version = 'v1'")
    both = predicted.merge(pd.read_csv(tmp_path / "out.csv", parse_dates=["hour"]), on=["hour", "instrument_id"])
    assert (both["score_x"] == both["score_y"]).all()


def test_score_says_what_is_wrong_with_a_file(on_live, tmp_path):
    (tmp_path / "rows.csv").write_text("price,volume\n1,2\n")
    answer = on_live("score", str(tmp_path / "rows.csv"), "--model", "v1", "--out", str(tmp_path / "scores.csv"))
    assert (answer.code, answer.out) == (1, "")
    assert (
        "has other columns than the model's 5 features, which it needs in any order: it lacks change_1h" in answer.err
    )
    assert not (tmp_path / "scores.csv").exists()
