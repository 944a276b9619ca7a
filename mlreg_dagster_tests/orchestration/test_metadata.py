import pandas as pd

from mlreg_dagster.orchestration.metadata import table_metadata, table_view
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES


def test_the_columns_of_a_table_come_from_its_schema():
    metadata = table_metadata(PREDICTION_OUTCOMES)
    columns = {column.name: column for column in metadata["dagster/column_schema"].columns}
    assert metadata["dagster/table_name"] == "prediction_outcomes"
    assert list(columns) == list(PREDICTION_OUTCOMES.columns)
    assert columns["hour"].type == "TIMESTAMPTZ"
    assert columns["change_pct"].constraints.nullable
    assert not columns["score"].constraints.nullable


def test_rows_are_shown_short_and_what_is_unknown_as_a_dash():
    rows = [
        {"version": "v1", "recall": 1 / 3, "lift": float("nan"), "since": pd.Timestamp("2026-01-05T12:00Z")},
        {"version": "v2", "recall": None, "lift": 2, "since": None},
    ]
    assert [record.data for record in table_view(rows).records] == [
        {"version": "v1", "recall": "0.3333", "lift": "-", "since": "2026-01-05 12:00"},
        {"version": "v2", "recall": "-", "lift": 2, "since": "-"},
    ]


def test_no_rows_are_said_in_a_word():
    assert table_view([]).text == "none"
