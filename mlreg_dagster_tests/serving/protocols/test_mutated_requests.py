"""Mutated requests are read or refused, and nothing else; `MLREG_LONG=1` tries 20,000 of them."""

import time

import numpy as np

from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.mlflow.reading import read as read_mlflow
from mlreg_dagster.serving.protocols.open_inference.reading import read
from mlreg_dagster.serving.protocols.problems import Refused
from mlreg_dagster_tests.serving.protocols.bodies import FEATURES
from mlreg_dagster_tests.serving.protocols.mutating import CASES, Sent, mutated, sound

ROWS = 100


def _read(sent: Sent) -> Asked:
    if sent.path == "invocations":
        return read_mlflow(sent.body, None, FEATURES, ROWS)
    return read(sent.body, sent.json_length, FEATURES, ROWS)


def test_what_is_not_mutated_is_read() -> None:
    for sent in sound(FEATURES, "a"):
        assert_sound(_read(sent))


def test_a_mutated_request_is_read_or_refused() -> None:
    refusals, slowest = 0, 0.0
    for sent in mutated(sound(FEATURES, "a"), CASES):
        started = time.process_time()
        try:
            assert_sound(_read(sent))
        except Refused as refused:
            refusals += 1
            message = str(refused)
            assert message.endswith("."), message
            assert "\n" not in message
            assert len(message) < 500
        slowest = max(slowest, time.process_time() - started)
    assert CASES / 2 < refusals < CASES
    assert slowest < 0.5


def assert_sound(asked: Asked) -> None:
    """What the rest of the server relies on."""
    assert 1 <= len(asked) <= ROWS
    if asked.X is not None:
        assert asked.X.shape == (len(asked), len(FEATURES))
        assert asked.X.dtype == np.float64
        assert asked.X.flags.c_contiguous
        assert not np.isinf(asked.X).any()
    for column in (asked.instruments, asked.hours):
        assert column is None or len(column) == len(asked)
    for name in (*(asked.instruments or ()), asked.request_id or "-"):
        assert name.isprintable()
        assert len(name) <= 200
