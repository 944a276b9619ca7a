"""A running server: what it answers, what an answer names, what is logged before it leaves, what the process loads."""

import json
import re

import numpy as np
import pytest

from mlreg_dagster_tests.serving.app.conftest import REASONS, columns_of
from mlreg_dagster_tests.serving.running import infer_body

HEAVY = ("dagster", "dagster_duckdb", "pandas", "sklearn", "skops", "matplotlib", "pandera", "alembic")
INFER = "/v2/models/champion/infer"


@pytest.fixture(scope="module")
def features(server):
    return [each["name"] for each in server.get("/v2/models/champion").json()["inputs"]]


def outputs(answer):
    return {each["name"]: each["data"] for each in answer.json()["outputs"]}


def logged(server):
    """Lines of the prediction log by the id of their answer."""
    files = [*(server.home / "served").rglob("*.jsonl")]
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return {line["answer_id"]: line for line in lines}


@pytest.mark.parametrize("rows", [1, 63, 200])  # scored at once, and in a thread
def test_scores_are_those_of_the_hourly_predictions(server, predicted, features, rows):
    asked = predicted.head(rows)
    answer = server.post(INFER, json=infer_body(columns_of(asked, features)))
    assert answer.status_code == 200, answer.text
    found = outputs(answer)
    np.testing.assert_allclose(found["score"], asked["score"], rtol=1e-12, atol=1e-12)
    threshold = answer.json()["parameters"]["threshold"]
    assert found["is_anomaly"] == [score > threshold for score in found["score"]]
    assert found["distance"] == [score - threshold for score in found["score"]]
    assert all(0 <= share <= 1 for share in found["training_quantile"])


def test_both_protocols_and_any_order_give_the_same_scores(server, predicted, features):
    columns = columns_of(predicted.head(20), features)
    straight = outputs(server.post(INFER, json=infer_body(columns)))["score"]
    turned = dict(reversed(columns.items()))
    assert outputs(server.post(INFER, json=infer_body(turned)))["score"] == straight
    frame = {"columns": list(turned), "data": [list(row) for row in zip(*turned.values(), strict=True)]}
    answer = server.post("/invocations", json={"dataframe_split": frame})
    assert [row["score"] for row in answer.json()["predictions"]] == straight


def test_an_answer_names_its_version_and_is_logged(server, predicted, features):
    body = infer_body(columns_of(predicted.head(3), features))
    answer = server.post(INFER, json=body, headers={"X-Request-Id": "order-17"})
    found = answer.json()
    assert answer.headers["X-Request-Id"] == "order-17"
    assert found["model_version"] == "v2"
    served = {each["name"]: each for each in server.get("/v2").json()["models"]}["champion"]
    parameters = found["parameters"]
    assert parameters["artifact_sha256"] == served["artifact_sha256"]
    assert parameters["alias"] == "champion"
    assert parameters["alias_sequence"] == served["alias_sequence"]
    assert 0 <= parameters["knowledge_age_seconds"] < 60
    line = logged(server)[parameters["answer_id"]]
    assert line["scores"] == outputs(answer)["score"]
    assert (line["request_id"], line["protocol"], line["client"]) == ("order-17", "open-inference", None)


def test_reasons_are_given_on_request_by_the_settings_of_the_hourly_job(server, predicted, features):
    body = infer_body(columns_of(predicted.head(2), features), parameters={"reasons": True})
    found = outputs(server.post(INFER, json=body))
    for score, text in zip(found["score"], found["reasons"], strict=True):
        reasons = json.loads(text)
        assert reasons[-1]["family"] == "remainder"
        assert len(reasons) == REASONS["families"] + 1
        parts = sum(reason["share"] for reason in reasons) + reasons[0]["score_at_medians"]
        assert parts == pytest.approx(score, rel=1e-9)


def test_a_request_id_that_is_not_well_formed_is_replaced(server):
    for sent in ("", "a b", "x" * 200, "\xe9"):
        answer = server.get("/v2/health/live", headers={"X-Request-Id": sent.encode("latin-1")})
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_a_model_by_its_version_and_a_version_of_an_alias(server):
    assert server.get("/v2/models/champion/versions/v2/ready").json()["version"] == "v2"
    assert server.get("/v2/models/v2").json()["versions"] == ["v2"]
    for path in ("none", "v2/versions/v1", "champion/versions/v99", "a%20b"):
        refused(server.get(f"/v2/models/{path}"), 404, "unknown_model")


def refused(answer, status, code):
    """A problem document of this status, whose id stands in the header as well."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert (found["status"], found["code"]) == (status, code)
    assert found["detail"] == found["error"]
    assert answer.headers["X-Request-Id"]


def test_what_is_refused_is_a_problem_document(server, features):
    refused(server.get("/nothing"), 404, "not_found")
    refused(server.post("/v2"), 405, "method_not_allowed")
    assert server.get(INFER).headers["allow"] == "POST"
    refused(server.post(INFER, content=b"{"), 400, "bad_request")
    refused(server.post(INFER, content=b"{}", headers={"Content-Encoding": "gzip"}), 415, "unsupported_media_type")
    csv = server.post("/invocations", content=b"{}", headers={"Content-Type": "text/csv"})
    refused(csv, 415, "unsupported_media_type")
    many = infer_body({name: [0.0] * 5000 for name in features})
    refused(server.post(INFER, json=many), 413, "too_large")


def test_a_head_a_body_on_leave_and_requests_in_a_row_on_one_connection(server, features):
    body = json.dumps(infer_body({name: [0.0] for name in features})).encode()
    post = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n".encode()
    with server.connect() as connection, connection.makefile("rb") as answers:

        def status():
            line = answers.readline()
            headers = dict(part.decode().strip().split(": ", 1) for part in iter(answers.readline, b"\r\n"))
            return int(line.split()[1]), int(headers.get("content-length", 0))

        connection.sendall(b"HEAD /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status() == (200, len(b'{"live":true}'))
        connection.sendall(post + b"Expect: 100-continue\r\n\r\n")
        assert int(answers.readline().split()[1]) == 100
        assert answers.readline() == b"\r\n"
        connection.sendall(body)
        code, length = status()
        assert (code, b"outputs" in answers.read(length)) == (200, True)
        connection.sendall((post + b"\r\n" + body) * 5 + b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        for wanted in (200, 200, 200, 200, 200, 404):
            code, length = status()
            answers.read(length)
            assert code == wanted


def test_the_admin_port_tells_metrics_health_and_status(server, features):
    server.post(INFER, json=infer_body({name: [0.0] for name in features}))
    text = server.admin("/metrics").text
    answered = 'mlreg_server_requests_total{method="POST",role="champion",route="/v2/models/{name}/infer",status="200"'
    assert answered in text
    assert "mlreg_server_ready 1.0" in text
    assert server.admin("/healthz").json() == {"live": True}
    assert server.admin("/readyz").json() == {"ready": True}
    status = server.admin("/status").json()
    assert status["problems"] == []
    assert {each["name"] for each in status["served"]} >= {"champion"}
    refused(server.admin(INFER), 404, "not_found")
    assert server.get("/metrics").status_code == 404


def test_the_process_loads_neither_the_graph_nor_what_trains_models(server, predicted, features):
    body = infer_body(columns_of(predicted.head(100), features), parameters={"reasons": True})
    assert server.post(INFER, json=body).status_code == 200
    for path in ("/v2", "/openapi.json", "/v2/models/champion", "/v2/models/v1/ready", "/nothing"):
        server.get(path)
    imported = set(re.findall(r"^import time:.*\|\s+([\w.]+)$", server.log.read_text(), re.MULTILINE))
    assert "mlreg_dagster.serving.answering" in imported
    assert {name for name in imported if name.split(".")[0] in HEAVY} == set()


def test_it_answers_for_its_life_before_it_is_ready(server):
    assert server.started_s <= server.ready_s
