"""Mutated requests over HTTP: each is answered, none with a 5xx, and others are served meanwhile.

`MLREG_LONG=1` sends 20,000 of them.
"""

import collections
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mlreg_dagster_tests.serving.protocols.mutating import Sent, mutated, sound
from mlreg_dagster_tests.serving.running import LONG, Server
from mlreg_dagster_tests.waiting import PATIENCE_S

pytestmark = pytest.mark.slow

CASES = 20_000 if LONG else 1_000


class Bystander(threading.Thread):
    """A client that sends one sound request after the other, and remembers what it gets."""

    def __init__(self, url: str, request: Sent) -> None:
        super().__init__(daemon=True)
        self._url, self._request, self._ends = url, request, threading.Event()
        self.answers: collections.Counter[Any] = collections.Counter()
        self.slowest_s = 0.0

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=PATIENCE_S) as client:
            while not self._ends.wait(0.02):
                answer = post(client, self._request)
                scores = tuple(output["data"][0] for output in answer.json().get("outputs", []))
                self.answers[answer.status_code, scores] += 1
                self.slowest_s = max(self.slowest_s, answer.elapsed.total_seconds())

    def stop(self) -> None:
        self._ends.set()
        self.join(PATIENCE_S)


@pytest.fixture
def requests(patient: Server, instruments: list[str]) -> list[Sent]:
    """Sound ones for the champion."""
    features = [each["name"] for each in patient.get("/v2/models/champion").json()["inputs"]]
    return sound(tuple(features), instruments[0])


@pytest.fixture
def bystander(patient: Server, requests: list[Sent]) -> Iterator[Bystander]:
    found = Bystander(patient.url, requests[0])
    found.start()
    yield found
    found.stop()


def post(client: httpx.Client, sent: Sent) -> httpx.Response:
    path = "/v2/models/champion/infer" if sent.path == "infer" else "/invocations"
    headers = {"Content-Type": "application/json"}
    if sent.json_length is not None:
        headers["Inference-Header-Content-Length"] = sent.json_length
    return client.post(path, content=sent.body, headers=headers)


def test_mutated_requests_are_answered_and_others_are_served_meanwhile(
    patient: Server, requests: list[Sent], bystander: Bystander
) -> None:
    statuses: collections.Counter[int] = collections.Counter()
    with httpx.Client(base_url=patient.url, timeout=PATIENCE_S) as client:
        for sent in mutated(requests, CASES, seed=17):
            answer = post(client, sent)
            statuses[answer.status_code] += 1
            if answer.status_code != 200:
                assert answer.status_code < 500, (answer.text, sent)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["detail"] == answer.json()["error"]
    bystander.stop()
    print(f"\n{CASES} mutated requests: {dict(statuses)}; meanwhile {bystander.answers}, {bystander.slowest_s:.3f} s")
    assert statuses.keys() >= {200, 400}
    assert len(bystander.answers) == 1
    [((status, scores), _)] = bystander.answers.items()
    assert status == 200
    assert scores
    assert bystander.slowest_s < PATIENCE_S / 5  # none of them holds the server up; a busy machine may
