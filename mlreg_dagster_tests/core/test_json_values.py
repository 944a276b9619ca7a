"""Values as JSON has them."""

import datetime as dt
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlreg_dagster.core.json_values import plain, snake_case, with_stable_keys


@dataclass(frozen=True)
class Pair:
    when: dt.datetime
    share: float


def test_every_value_is_typed_and_times_keep_their_offset():
    noon = pd.Timestamp("2026-01-05 12:00", tz="UTC")
    values = {
        "time": noon,
        "no time": pd.NaT,
        "undefined": float("nan"),
        "count": np.int64(3),
        "share": np.float64(0.5),
        "passed": np.bool_(True),
        "inner": [Pair(noon.to_pydatetime(), float("inf"))],
    }
    assert json.loads(json.dumps(plain(values), allow_nan=False)) == {
        "time": "2026-01-05T12:00:00+00:00",
        "no time": None,
        "undefined": None,
        "count": 3,
        "share": 0.5,
        "passed": True,
        "inner": [{"when": "2026-01-05T12:00:00+00:00", "share": None}],
    }


def test_prose_becomes_a_key():
    assert snake_case("SHA-256 of use_case.yaml's values") == "sha_256_of_use_case.yaml_s_values"
    assert snake_case("allowed, MB") == "allowed_mb"


def test_no_value_is_lost_where_two_names_would_become_one_key():
    assert with_stable_keys({"a b": 1, "c": 2}) == {"a_b": 1, "c": 2}
    assert with_stable_keys({"a b": 1, "a_b": 2}) == {"a b": 1, "a_b": 2}
    assert with_stable_keys({"…": 1}) == {"…": 1}
