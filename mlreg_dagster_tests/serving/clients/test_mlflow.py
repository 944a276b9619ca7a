"""Data frames over plain HTTP, as MLflow's clients send them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.core.version import __version__
from mlreg_dagster_tests.serving.clients.conftest import Sample
from mlreg_dagster_tests.serving.running import Server

pytestmark = pytest.mark.slow


def frame_of(sample: Sample) -> pd.DataFrame:
    frame = pd.DataFrame({name: sample.columns[name] for name in sample.features})
    return frame.astype(object).where(frame.notna(), None)


@pytest.mark.parametrize("orient", ["split", "records"])
def test_a_data_frame_gets_the_scores_of_the_pipeline(server: Server, sample: Sample, orient: Any) -> None:
    body = {f"dataframe_{orient}": frame_of(sample).to_dict(orient=orient)}
    answer = server.post(f"/endpoints/{sample.model}/invocations", json=body).raise_for_status()
    sample.assert_equal([each["score"] for each in answer.json()["predictions"]])
    if sample.model == "champion":
        same = server.post("/invocations", json=body).raise_for_status().json()
        assert [each["score"] for each in same["predictions"]] == [
            each["score"] for each in answer.json()["predictions"]
        ]
        assert same["model"]["name"] == "champion"


def test_health_and_release(server: Server) -> None:
    assert server.get("/ping").status_code == 200
    assert server.get("/version").text == __version__


def test_a_refusal_is_a_problem_document(server: Server, sample: Sample) -> None:
    frame = frame_of(sample).iloc[:, 1:]
    refused = server.post("/invocations", json={"dataframe_split": frame.to_dict(orient="split")})
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert "lacks features" in refused.json()["detail"]
    text = server.post("/invocations", content=b"a,b\n1,2\n", headers={"Content-Type": "text/csv"})
    assert text.status_code == 415


def test_more_rows_than_the_server_takes_are_refused_whole(server: Server, sample: Sample) -> None:
    frame = pd.DataFrame(np.zeros((4097, len(sample.features))), columns=sample.features)
    refused = server.post("/invocations", json={"dataframe_split": frame.to_dict(orient="split")})
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
