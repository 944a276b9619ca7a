"""Data frames as MLflow's clients send them become the model's rows, bit by bit."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from mlreg_dagster.serving.protocols.mlflow.reading import read
from mlreg_dagster.serving.protocols.problems import BadRequest, TooLarge, UnsupportedMediaType
from mlreg_dagster_tests.serving.protocols.bodies import FEATURES, INSTRUMENTS, X, bits, records, split

matrices = nps.arrays(np.float64, st.tuples(st.integers(1, 7), st.just(3)), elements=st.floats(allow_infinity=False))
forms = pytest.mark.parametrize("form", [split, records])


def asked(body: bytes, rows: int = 4096, media_type: str | None = None) -> Any:
    return read(body, media_type, FEATURES, rows)


@forms
@given(values=matrices, order=st.permutations(range(3)))
def test_the_same_bits_in_whatever_order_the_columns_come(form: Any, values: Any, order: list[int]) -> None:
    found = asked(form(values[:, order], [FEATURES[i] for i in order])).X
    assert bits(found) == bits(values)
    assert found.flags.c_contiguous


@forms
def test_rows_may_have_names_and_hours(form: Any) -> None:
    rows = np.hstack(
        [np.array([["2017-12-20T00:00Z"]] * 3, object), X.astype(object), np.array([INSTRUMENTS], object).T]
    )
    found = asked(form(rows, ["hour", *FEATURES, "instrument_id"]))
    assert found.instruments == INSTRUMENTS
    assert found.hours == ("2017-12-20-00:00",) * 3
    assert bits(found.X) == bits(X)


@forms
def test_rows_are_asked_for_by_instrument_alone(form: Any) -> None:
    names = ('a "quoted", [odd] {one}', "back\\slash", "x: y")
    found = asked(form(np.array([names], object).T, ["instrument_id"]), 3)
    assert found.instruments == names
    assert found.X is None


@forms
def test_reasons_are_asked_for_by_a_parameter(form: Any) -> None:
    assert asked(form(params={"reasons": True})).reasons
    assert not asked(form(params=None)).reasons
    assert not asked(form()).reasons


def test_an_index_is_skipped() -> None:
    body = json.loads(split())
    body["dataframe_split"]["index"] = [7, 8, 9]
    assert bits(asked(json.dumps(body).encode()).X) == bits(X)


@forms
def test_rows_beyond_the_limit_are_refused_before_they_are_made(form: Any) -> None:
    assert len(asked(form(), 3)) == 3
    with pytest.raises(TooLarge, match="more than 2 rows"):
        asked(form(), 2)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "either dataframe_split or dataframe_records"),
        ({"inputs": [[1, 2, 3]]}, "either dataframe_split or dataframe_records"),
        ({"dataframe_split": {"columns": [], "data": []}, "dataframe_records": []}, "not both"),
        ({"dataframe_split": {"columns": [], "data": []}}, "none of the model's features"),
        ({"dataframe_split": {"columns": FEATURES, "data": []}}, "no rows"),
        ({"dataframe_split": {"columns": FEATURES, "data": [[1, 2, 3], [1, 2]]}}, r"data\[1\] has other than the 3"),
        ({"dataframe_split": {"columns": FEATURES, "data": [[1, 2, "3"]]}}, r"data does not fit at \$\[0\]\[2\]"),
        ({"dataframe_split": {"columns": FEATURES, "data": [[1, 2, True]]}}, r"data does not fit at \$\[0\]\[2\]"),
        ({"dataframe_split": {"columns": FEATURES[:2], "data": [[1, 2]]}}, "lacks features of the model: rank;"),
        ({"dataframe_split": {"columns": [*FEATURES, "x"], "data": [[1, 2, 3, 4]]}}, r"columns\[3\] is not one of"),
        ({"dataframe_split": {"columns": ["rank", *FEATURES], "data": [[1, 2, 3, 4]]}}, "have one name"),
        ({"dataframe_split": {"columns": [*FEATURES, "hour"], "data": [[1, "2", 3, "x"]]}}, r"\[1\], row 0, is a text"),
        ({"dataframe_split": {"columns": [*FEATURES, "hour"], "data": [[1, 2, 3, "x"]]}}, "not a whole hour"),
        ({"dataframe_split": {"columns": [*FEATURES, "hour"], "data": [[1, 2, 3, 9]]}}, "not a whole hour"),
        ({"dataframe_split": {"columns": [*FEATURES, "instrument_id"], "data": [[1, 2, 3, None]]}}, "is no name"),
        ({"dataframe_records": []}, "no rows"),
        ({"dataframe_records": [{}]}, "none of the model's features"),
        ({"dataframe_records": [dict.fromkeys(FEATURES, 1), {"rank": 1}]}, r"\[1\] has other columns"),
        ({"dataframe_records": [{**dict.fromkeys(FEATURES, 1), "rank": "2"}]}, "is a text"),
        ({"dataframe_records": {"rank": 1}}, "expected `array`, got `object`"),
    ],
)
def test_a_frame_of_another_form_is_refused(body: Any, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        asked(json.dumps(body).encode())


def test_one_name_twice_in_a_record_is_refused() -> None:
    body = rb'{"dataframe_records": [{"change_1h_pct": 1, "volatility_7d_pct": 2, "rank": 3, "rank": 4}]}'
    with pytest.raises(BadRequest, match="one name twice"):
        asked(body)


def test_a_body_that_is_sent_as_anything_but_json_is_refused() -> None:
    for media_type in (None, "application/json", "Application/JSON; charset=utf-8"):
        assert len(asked(split(), media_type=media_type)) == 3
    with pytest.raises(UnsupportedMediaType, match="Content-Type: application/json"):
        asked(split(), media_type="text/csv")
