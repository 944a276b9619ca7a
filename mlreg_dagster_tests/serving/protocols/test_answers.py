"""Answers of both protocols, as clients read them: the same bits, and where they come from."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from tritonclient.http import InferenceServerClient

from mlreg_dagster.serving.answering import Answer
from mlreg_dagster.serving.following.follower import Served
from mlreg_dagster.serving.following.knowledge import Knowledge, NotTaken
from mlreg_dagster.serving.following.names import ServedRollout
from mlreg_dagster.serving.protocols import mlflow, server_metadata
from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.mlflow.types import InvocationResponse
from mlreg_dagster.serving.protocols.open_inference import writing
from mlreg_dagster.serving.protocols.open_inference.outputs import OUTPUTS
from mlreg_dagster.serving.protocols.open_inference.types import InferenceResponse, ModelMetadata
from mlreg_dagster.serving.protocols.problems import TooLarge, problem_of
from mlreg_dagster.serving.protocols.server_metadata import ServerMetadata
from mlreg_dagster.serving.scoring.reasons import Reason
from mlreg_dagster.serving.scoring.thresholds import Threshold
from mlreg_dagster_tests.serving.protocols.bodies import FEATURES, INSTRUMENTS, X, bits

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
MODEL: Any = SimpleNamespace(version="v2", sha256="ab" * 32, features=FEATURES)
CHAMPION = Served("champion", "champion", 3, NOON, MODEL)
ROLLOUT = ServedRollout(4, 6, "canary_5", 500, True, "5a17", MODEL, None, "v2")
CANDIDATE = Served("champion", "champion", 3, NOON, MODEL, ROLLOUT, "candidate")
BY_VERSION = Served("v2", None, None, None, MODEL)
BY_HOUR = Threshold(0.5, "budget", NOON, "hour")
BY_TRAINING = Threshold(0.5, "budget", None, "training")


def answer(scores: Any = (0.25, 0.75, 1 / 3), **changes: Any) -> Answer:
    scores = np.asarray(scores, dtype=np.float64)
    fields: dict[str, Any] = {
        "served": CHAMPION,
        "answer_id": "0" * 32,
        "request_id": "of the server",
        "answered_at": NOON,
        "instruments": None,
        "hours": None,
        "X": X,
        "scores": scores,
        "flags": scores > 0.5,
        "threshold": BY_HOUR,
        "distances": scores - 0.5,
        "quantiles": np.clip(scores, 0, 1),
        "reasons": None,
        "knowledge_age_seconds": 0.25,
        "stale": False,
    }
    return Answer(**(fields | changes))


@given(nps.arrays(np.float64, st.integers(1, 6), elements=st.floats(allow_infinity=False, allow_nan=False)))
def test_scores_have_the_same_bits_as_json_and_as_bytes(scores: Any) -> None:
    given = answer(scores)
    for binary in (frozenset(), frozenset(OUTPUTS), frozenset({"distance"})):
        body, length = writing.write(given, Asked(X=X, binary=binary))
        assert (length is None) == (not binary)
        read = InferenceServerClient.parse_response_body(body, header_length=length)
        assert bits(read.as_numpy("score")) == bits(given.scores)
        assert bits(read.as_numpy("distance")) == bits(given.distances)
        assert bits(read.as_numpy("training_quantile")) == bits(given.quantiles)
        assert read.as_numpy("is_anomaly").tolist() == given.flags.tolist()


def test_an_answer_says_where_it_comes_from() -> None:
    body, _ = writing.write(answer(), Asked(X=X, request_id="mine"))
    read = json.loads(body)
    assert (read["model_name"], read["model_version"], read["id"]) == ("champion", "v2", "mine")
    assert read["parameters"] == {
        "answer_id": "0" * 32,
        "artifact_sha256": "ab" * 32,
        "alias": "champion",
        "alias_sequence": 3,
        "threshold": 0.5,
        "threshold_policy": "budget",
        "threshold_source": "hour",
        "threshold_hour": "2026-03-20T12:00:00Z",
        "knowledge_age_seconds": 0.25,
        "stale": False,
    }
    assert json.loads(mlflow.write(answer()))["model"] == read["parameters"] | {"name": "champion", "version": "v2"}


def test_an_answer_of_a_rollout_says_which_arm_gave_it_and_by_which_change() -> None:
    given = answer(served=CANDIDATE)
    for read in (
        json.loads(writing.write(given, Asked(X=X))[0])["parameters"],
        json.loads(mlflow.write(given))["model"],
    ):
        assert (read["arm"], read["traffic_sequence"], read["alias_sequence"]) == ("candidate", 6, 3)


def test_a_server_and_a_model_tell_of_the_rollout_but_not_of_its_salt() -> None:
    unloadable = replace(ROLLOUT, candidate=None, unloadable="it is damaged")
    names = [CANDIDATE, replace(CANDIDATE, rollout=unloadable), CHAMPION]
    text = server_metadata.write(names, Knowledge(ready=True))
    assert b"5a17" not in text
    loaded, damaged, without = msgspec.json.decode(text, type=ServerMetadata).models
    assert (loaded.rollout.state, loaded.rollout.weight, loaded.rollout.candidate) == ("canary_5", 500, "v2")
    assert (loaded.rollout.rollout, loaded.rollout.traffic_sequence) == (4, 6)
    assert (loaded.rollout.candidate_sha256, loaded.rollout.unloadable) == ("ab" * 32, msgspec.UNSET)
    assert (damaged.rollout.candidate_sha256, damaged.rollout.unloadable) == (msgspec.UNSET, "it is damaged")
    assert without.rollout is msgspec.UNSET
    properties = msgspec.json.decode(writing.model_metadata(CANDIDATE), type=ModelMetadata).properties
    assert (properties["candidate"], properties["candidate_weight"]) == ("v2", "500")
    assert (properties["rollout_state"], properties["traffic_sequence"]) == ("canary_5", "6")


def test_what_is_unknown_of_a_model_is_left_out() -> None:
    given = answer(served=BY_VERSION, threshold=BY_TRAINING)
    for read in (
        json.loads(writing.write(given, Asked(X=X))[0])["parameters"],
        json.loads(mlflow.write(given))["model"],
    ):
        assert not {"alias", "alias_sequence", "threshold_hour", "arm", "traffic_sequence"} & set(read)
        assert None not in read.values()


def test_outputs_come_as_asked_for() -> None:
    def names(given: Answer, **asked: Any) -> list[str]:
        return [each["name"] for each in json.loads(writing.write(given, Asked(X=X, **asked))[0])["outputs"]]

    assert names(answer()) == ["score", "is_anomaly", "distance", "training_quantile"]
    assert names(answer(), outputs=("distance", "score")) == ["distance", "score"]
    unknown = answer(quantiles=np.full(3, np.nan))
    assert names(unknown) == ["score", "is_anomaly", "distance"]
    assert names(unknown, outputs=("training_quantile",)) == ["training_quantile"]
    assert names(answer(reasons=[[]] * 3), reasons=True)[-1] == "reasons"
    assert names(answer(reasons=[[]] * 3), reasons=True, outputs=("reasons", "score")) == ["reasons", "score"]


REASONS = [
    [Reason(1, "momentum", 0.5, "rank", None, 1.0, 0.25), Reason(2, "remainder", 0.1, None, None, None, 0.25)],
    [],
    [Reason(1, "é", 0.1, "rank", 2.0, 1.0, 0.25)],
]


@pytest.mark.parametrize("binary", [frozenset(), frozenset({"reasons"})], ids=["json", "binary"])
def test_the_reasons_of_a_row_are_a_text_of_json(binary: frozenset[str]) -> None:
    body, length = writing.write(answer(reasons=REASONS), Asked(X=X, outputs=("reasons",), reasons=True, binary=binary))
    read = InferenceServerClient.parse_response_body(body, header_length=length)
    assert [json.loads(text) for text in read.as_numpy("reasons")] == msgspec.to_builtins(REASONS)


def test_mlflow_gets_a_prediction_a_row_with_what_names_it() -> None:
    given = answer([0.25, 0.75, 0.5], instruments=INSTRUMENTS, hours=("2026-03-20-12:00",) * 3, reasons=REASONS)
    assert json.loads(mlflow.write(given))["predictions"][1] == {
        "score": 0.75,
        "is_anomaly": True,
        "distance": 0.25,
        "training_quantile": 0.75,
        "instrument_id": "ethereum",
        "hour": "2026-03-20-12:00",
        "reasons": [],
    }
    plain = json.loads(mlflow.write(answer([0.25], quantiles=np.array([np.nan]))))["predictions"]
    assert plain == [{"score": 0.25, "is_anomaly": False, "distance": -0.25, "training_quantile": None}]


def test_a_model_says_what_it_takes_and_answers() -> None:
    read = msgspec.json.decode(writing.model_metadata(CHAMPION), type=ModelMetadata)
    assert [each.name for each in read.inputs] == list(FEATURES)
    assert {each.name: each.datatype for each in read.outputs} == OUTPUTS
    assert (read.name, read.versions, read.properties["alias_sequence"]) == ("champion", ["v2"], "3")
    assert "alias" not in msgspec.json.decode(writing.model_metadata(BY_VERSION), type=ModelMetadata).properties


def test_a_server_says_what_it_serves_and_how_old_its_knowledge_is() -> None:
    not_taken = {"challenger": NotTaken("v3", 4, NOON, "Its bundle is damaged.")}
    knowledge = Knowledge(True, NOON, "The registry is gone.", NOON, not_taken)
    read = msgspec.json.decode(server_metadata.write([CHAMPION, BY_VERSION], knowledge), type=ServerMetadata)
    assert [(each.name, each.version) for each in read.models] == [("champion", "v2"), ("v2", "v2")]
    assert read.knowledge.problem_since == "2026-03-20T12:00:00Z"
    assert [(each.alias, each.version, each.why) for each in read.knowledge.not_taken] == [
        ("challenger", "v3", "Its bundle is damaged.")
    ]
    assert "binary_tensor_data" in read.extensions


def test_answers_fit_the_types_of_the_openapi_document() -> None:
    full = answer(reasons=REASONS, instruments=INSTRUMENTS)
    assert msgspec.json.decode(writing.write(full, Asked(X=X, reasons=True))[0], type=InferenceResponse).outputs
    assert msgspec.json.decode(mlflow.write(full), type=InvocationResponse).predictions


def test_a_refusal_is_a_problem_document_whose_error_tritonclient_reads() -> None:
    assert json.loads(problem_of(TooLarge("The request has more than 2 rows: split it."))) == {
        "type": "about:blank",
        "title": HTTPStatus(413).phrase,
        "status": 413,
        "detail": "The request has more than 2 rows: split it.",
        "code": "too_large",
        "error": "The request has more than 2 rows: split it.",
    }
