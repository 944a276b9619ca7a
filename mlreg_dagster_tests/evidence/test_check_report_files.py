"""The report for programs: typed columns arrive in pandas and in SQLite, and the document fits its JSON Schema."""

import csv
import io
import json
import sqlite3

import pandas as pd
import pytest

from mlreg_dagster.evidence.check_report import Period, Report, arrange
from mlreg_dagster.evidence.check_report_files import (
    RESULT_COLUMNS,
    VALUE_COLUMNS,
    results_csv,
    to_json,
    unit_of,
    values_csv,
)
from mlreg_dagster.evidence.schemas.by import By
from mlreg_dagster_tests.evidence.schemas.test_card import validator
from mlreg_dagster_tests.evidence.test_check_report import NOON, result
from mlreg_dagster_tests.repository import PROJECT_DIR

SAID = 'with "quotes", commas\nand lines'
ROWS = arrange(
    [
        result(values={"version": "v1", "value": -0.5, "rows": 12, "experiment": True, "latency_ms": 3.5}),
        result(
            "flagged",
            asset="predictions",
            partition="2026-01-05-10:00...2026-01-05-11:00",
            passed=False,
            severity="WARN",
            description=SAID,
            values={"share": float("nan"), "text": "a=b, c=d"},
        ),
    ]
)


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_there_is_a_line_for_each_result():
    lines = read(results_csv(ROWS))
    assert list(lines[0]) == list(RESULT_COLUMNS)
    by_check = {line["check"]: line for line in lines}
    assert by_check["flagged"]["description"] == SAID
    assert by_check["silhouette"]["recorded_at"] == "2026-01-05T12:00:00+00:00"
    assert (by_check["silhouette"]["version"], by_check["silhouette"]["market_first"]) == ("v1", "")
    assert by_check["flagged"]["market_until"] == "2026-01-05T12:00:00+00:00"


def test_there_is_a_line_for_each_value_in_the_column_of_its_type():
    lines = {line.pop("name"): line for line in read(values_csv(ROWS))}
    assert lines["value"] == {
        "result": "2", "type": "number", "number": "-0.5", "boolean": "", "text": "", "unit": "",
    }  # fmt: skip
    assert lines["latency_ms"]["unit"] == "milliseconds"
    assert (lines["experiment"]["type"], lines["experiment"]["boolean"]) == ("boolean", "true")
    assert (lines["share"]["type"], lines["share"]["number"], lines["share"]["unit"]) == ("number", "", "fraction")
    assert lines["text"]["text"] == "a=b, c=d"


def test_in_pandas_columns_have_their_types():
    times = ["recorded_at", "market_first", "market_until"]
    results = pd.read_csv(io.StringIO(results_csv(ROWS)), parse_dates=times, date_format="ISO8601")
    for column in times:
        assert isinstance(results[column].dtype, pd.DatetimeTZDtype), column
    assert results["passed"].dtype == bool
    values = pd.read_csv(io.StringIO(values_csv(ROWS)), dtype={"boolean": "boolean"})
    assert (values["number"].dtype, str(values["boolean"].dtype)) == ("float64", "boolean")
    joined = values.merge(results, on="result")
    assert joined.loc[joined["name"] == "value", ["check", "number"]].values.tolist() == [["silhouette", -0.5]]
    document = json.loads(to_json(Report(Period(), NOON, ROWS)))
    frame = pd.json_normalize(document["results"])
    assert pd.to_datetime(frame["recorded_at"], utc=True).max() == NOON
    assert frame["passed"].dtype == bool


def test_in_sqlite_columns_have_their_types():
    """By the statements in the documentation."""
    page = (PROJECT_DIR / "docs" / "machine.md").read_text(encoding="utf-8")
    database = sqlite3.connect(":memory:")
    database.executescript(page.partition("```sql\n")[2].partition("```")[0])
    for table, text in (("results_text", results_csv(ROWS)), ("values_text", values_csv(ROWS))):
        lines = list(csv.reader(io.StringIO(text)))[1:]
        database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(lines[0]))})", lines)
    found = database.execute(
        "SELECT typeof(passed), passed, typeof(market_first), datetime(recorded_at) FROM results ORDER BY result"
    ).fetchall()
    assert (
        found
        == [
            ("integer", 1, "null", "2026-01-05 12:00:00"),
            ("integer", 0, "text", "2026-01-05 12:00:00"),
        ][:: 1 if ROWS[0]["passed"] else -1]
    )
    numbers = database.execute("SELECT name, typeof(number), number FROM numbers ORDER BY name").fetchall()
    assert numbers == [
        ("latency_ms", "real", 3.5),
        ("rows", "real", 12.0),
        ("share", "null", None),
        ("value", "real", -0.5),
    ]


def test_the_document_fits_its_schema():
    report = Report(Period(By.market, "2026-01-05", None), NOON, ROWS, left_out=1)
    document = json.loads(to_json(report))
    check = validator("report")
    check.validate(document)
    assert document["period"] == {"by": "market", "first": "2026-01-05T00:00:00+00:00", "until": None}
    assert (document["failed"], document["left_out"]) == (1, 1)
    values = {each["check"]: each["values"] for each in document["results"]}
    assert values["silhouette"]["experiment"] is True
    assert values["flagged"]["share"] is None
    document["results"][0]["passed"] = "yes"
    assert not check.is_valid(document)


def test_nothing_in_a_period_is_an_answer_too():
    assert results_csv([]).strip() == ",".join(RESULT_COLUMNS)
    assert values_csv([]).strip() == ",".join(VALUE_COLUMNS)
    validator("report").validate(json.loads(to_json(Report(Period(), NOON, []))))


@pytest.mark.parametrize("write", [results_csv, values_csv])
def test_no_cell_of_a_table_is_a_formula(write):
    texts = ["=cmd|'/c calc'!A0", "@SUM(1)", "+1", "-1", "\u202eevil\x1b[2J"]
    rows = arrange([result(description=text, partition=text, values={text: text}) for text in texts])
    for row in read(write(rows)):
        for cell in row.values():
            assert not cell.startswith(("=", "@", "+", "-", "\t"))
            assert not set(cell) & set("\u202e\x1b")


def test_units_follow_from_the_last_word_of_a_name():
    assert [unit_of(name) for name in ("max_share", "lead_hours", "value", "rows")] == ["fraction", "hours", "", ""]
