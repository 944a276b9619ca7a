"""Clients of the Open Inference Protocol that this project did not write, on a server in a process of its own."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from mlreg_dagster_tests.serving.clients.conftest import Sample
from mlreg_dagster_tests.serving.running import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(":".join(map(str, server.address))) as found:
        yield found


def inputs_of(sample: Sample, binary: bool = True) -> list[Any]:
    return [
        triton.InferInput(name, [len(sample.scores)], "FP64").set_data_from_numpy(sample.columns[name], binary)
        for name in sample.features
    ]


def test_tritonclient_sees_a_server_that_is_ready_and_what_its_models_take(client: Any, sample: Sample) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(sample.model)
    assert not client.is_model_ready("nobody")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata(sample.model)
    assert {each["name"] for each in metadata["inputs"]} == set(sample.features)
    assert client.is_model_ready(sample.model, metadata["versions"][0])


def test_tritonclient_by_its_defaults_gets_the_scores_of_the_pipeline(client: Any, sample: Sample) -> None:
    result = client.infer(sample.model, inputs_of(sample), request_id="mine")
    sample.assert_equal(result.as_numpy("score"))
    response = result.get_response()
    assert all("data" not in output for output in response["outputs"])
    assert response["id"] == "mine"
    threshold = response["parameters"]["threshold"]
    assert (result.as_numpy("is_anomaly") == (result.as_numpy("score") > threshold)).all()
    assert (result.as_numpy("distance") == result.as_numpy("score") - threshold).all()


def test_tritonclient_may_ask_for_some_outputs_as_bytes_and_others_as_json(client: Any, sample: Sample) -> None:
    outputs = [triton.InferRequestedOutput("distance", binary_data=False), triton.InferRequestedOutput("score")]
    result = client.infer(sample.model, inputs_of(sample), outputs=outputs)
    sample.assert_equal(result.as_numpy("score"))
    assert [("data" in each) for each in result.get_response()["outputs"]] == [True, False]


def test_tritonclient_may_ask_row_by_row(client: Any, sample: Sample) -> None:
    scores = []
    for row in range(0, 40):
        inputs = [
            triton.InferInput(name, [1, 1], "FP64").set_data_from_numpy(sample.columns[name][row : row + 1, np.newaxis])
            for name in sample.features
        ]
        scores.append(client.infer(sample.model, inputs).as_numpy("score")[0])
    np.testing.assert_allclose(scores, sample.scores[:40], rtol=sample.tolerance, atol=sample.tolerance)


def test_tritonclient_gets_reasons_as_texts(client: Any, sample: Sample) -> None:
    inputs = [
        triton.InferInput(name, [2], "FP64").set_data_from_numpy(sample.columns[name][:2]) for name in sample.features
    ]
    reasons = client.infer(sample.model, inputs, outputs=[triton.InferRequestedOutput("reasons")]).as_numpy("reasons")
    first = json.loads(reasons[0])
    assert first[-1]["family"] == "remainder"
    shares = sum(each["share"] for each in first) + first[0]["score_at_medians"]
    assert shares == pytest.approx(sample.scores[0], rel=1e-9)


def test_tritonclient_may_ask_by_instrument(patient: Server, instruments: list[str]) -> None:
    def ask(*names: str) -> Any:
        tensor = triton.InferInput("instrument_id", [len(names)], "BYTES")
        return client.infer("champion", [tensor.set_data_from_numpy(np.array(names, object))])

    with triton.InferenceServerClient(":".join(map(str, patient.address))) as client:
        result = ask(*instruments)
        assert result.as_numpy("score").shape == (len(instruments),)
        assert result.get_response()["parameters"]["stale"]
        assert ask(instruments[-1]).as_numpy("score") == result.as_numpy("score")[-1:]
        with pytest.raises(InferenceServerException) as unknown:
            ask("no such instrument")
        assert unknown.value.status() == "404"


def test_tritonclient_raises_the_sentence_of_a_refusal(client: Any, sample: Sample) -> None:
    with pytest.raises(InferenceServerException, match="lacks features of the model") as refused:
        client.infer(sample.model, inputs_of(sample)[1:])
    assert refused.value.status() == "400"
    with pytest.raises(InferenceServerException, match="which JSON does not know: send null"):
        client.infer(sample.model, inputs_of(sample, binary=False))
    with pytest.raises(InferenceServerException) as unknown:
        client.infer("nobody", inputs_of(sample))
    assert unknown.value.status() == "404"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_client_made_from_the_description_of_the_protocol_gets_the_scores_of_the_pipeline(
    server: Server, sample: Sample
) -> None:
    from open_inference.openapi.client import OpenInferenceClient
    from open_inference.openapi.types import InferenceRequest

    http = httpx.Client(timeout=300)
    client = OpenInferenceClient(base_url=server.url, httpx_client=http)
    client.check_server_liveness()
    client.check_server_readiness()
    assert "binary_tensor_data" in client.read_server_metadata().extensions
    assert {each.name for each in client.read_model_metadata(sample.model).inputs} == set(sample.features)
    known = np.flatnonzero(~np.isnan(np.array(list(sample.columns.values()))).any(axis=0))[:60]
    inputs = [
        {"name": name, "shape": [len(known)], "datatype": "FP64", "data": sample.columns[name][known].tolist()}
        for name in sample.features
    ]
    response = client.model_infer(sample.model, request=InferenceRequest.parse_obj({"inputs": inputs}))
    scores = next(output for output in response.outputs if output.name == "score")
    np.testing.assert_allclose(scores.data.__root__, sample.scores[known], rtol=sample.tolerance, atol=sample.tolerance)
    http.close()
