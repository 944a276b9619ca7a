"""The flagged share of the champion's last day against the limits that let it in."""

import pytest

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.orchestration.instance.check_log import latest_results
from mlreg_dagster.outcomes.checks import FLAGGED_SHARE
from mlreg_dagster.outcomes.performance.flagged_share import flagged_share
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.lifecycle import LIVE_HOURS, NOON
from mlreg_dagster_tests.outcomes.frames import predictions_of

LIMITS = EvaluationSettings(min_anomaly_rate=0.02, max_anomaly_rate=0.2)


def hours(first, last, flagged, instruments=10, **row):
    """Each hour `flagged` of `instruments` are flagged."""
    return [
        {"at": hour, "instrument_id": f"coin{number}", "score": 2.0 if number < flagged else 0.5, **row}
        | {"is_anomaly": number < flagged}
        for hour in range(first, last + 1)
        for number in range(instruments)
    ]


@pytest.fixture
def look(tmp_path):
    def at(*rows, limits=LIMITS):
        tables = DuckDBWarehouse(tmp_path / "tables.duckdb")
        frame = predictions_of(rows)
        tables.write(PREDICTIONS, frame, frame["hour"].unique())
        return flagged_share(tables, limits)

    return at


@pytest.mark.parametrize(
    ("flagged", "share", "state"),
    [(0, 0.0, "outside"), (1, 0.1, "within"), (2, 0.2, "within"), (3, 0.3, "outside"), (10, 1.0, "outside")],
)
def test_the_share_of_the_last_day_must_lie_within_the_limits(look, flagged, share, state):
    found = look(*hours(0, 23, flagged))
    assert (found.state, found.share, found.rows, found.version) == (state, share, 240, "v1")
    assert found.text == (
        f"v1 flagged {share:.1%} of 240 rows in the day up to 2020-01-01 23:00; allowed are 2.0% to 20.0% "
        f"(evaluation.yaml)."
    )


def test_only_the_last_24_hours_by_the_clock_count(look):
    found = look(*hours(0, 39, 10), *hours(40, 45, 1), *hours(60, 63, 1))  # hours 46 … 59 are a gap
    assert (found.state, found.rows) == ("within", 10 * 10)


def test_only_the_newest_champion_counts_and_no_other_role(look):
    rows = [
        *hours(0, 11, 10),
        *hours(12, 23, 1, model_version="v2"),
        *hours(0, 23, 10, model_version="v3", role="challenger"),
        *hours(20, 30, 10, model_version="v4", role="requested"),
    ]
    found = look(*rows)
    assert (found.state, found.version, found.rows) == ("within", "v2", 120)


def test_what_the_model_knows_does_not_count(look):
    found = look(*hours(0, 11, 10, in_sample=True), *hours(12, 23, 1))
    assert (found.state, found.rows) == ("within", 120)


@pytest.mark.parametrize(
    ("rows", "seen"),
    [
        (hours(0, 23, 1, role="challenger"), "no champion has scored an hour yet"),
        (hours(0, 23, 5, in_sample=True), "v1 has scored 0 rows in 0 hours out of sample"),
        (hours(0, 4, 5), "v1 has scored 50 rows in 5 hours"),
        (hours(0, 23, 1, instruments=2), "v1 has scored 48 rows in 24 hours"),  # one row would be more than 2 %
        ([*hours(0, 20, 1), *hours(21, 23, 5, model_version="v2")], "v2 has scored 30 rows in 3 hours"),
    ],
)
def test_too_little_evidence_is_unknown(look, rows, seen):
    found = look(*rows)
    assert found.state == "unknown"
    assert found.text.startswith("Not known: ")
    assert seen in found.text


def test_before_any_prediction_it_is_unknown(tmp_path):
    assert flagged_share(DuckDBWarehouse(tmp_path / "tables.duckdb"), LIMITS).state == "unknown"


# --- as a check ------------------------------------------------------------------------------------------------


def _check(result):
    return next(check for check in result.get_asset_check_evaluations() if check.check_name == FLAGGED_SHARE)


def test_the_check_is_run_with_every_hour_and_fails_without_blocking(make_world, live_home):
    world = make_world(live_home, configs={"evaluation": {"max_anomaly_rate": 0.02, "injection": {"seeds": 2}}})
    result = world.attempt("predictions", hours=LIVE_HOURS[:2])  # it looks at the newest day all the same
    assert result.success
    check = _check(result)
    assert (check.passed, check.severity.value, check.metadata["version"].value) == (False, "ERROR", "v2")
    assert check.description.startswith("v2 flagged ")
    assert f"of 144 rows in the day up to {LIVE_HOURS[-1]:%Y-%m-%d %H:%M}" in check.description
    key = next(key for key in latest_results(world.instance, [check.asset_check_key]))
    assert key.name == FLAGGED_SHARE


def test_the_check_warns_where_it_can_t_tell(live):
    live.warehouse.write(PREDICTIONS, PREDICTIONS.empty(), LIVE_HOURS[LIVE_HOURS >= NOON][3:])
    check = _check(live.attempt(checks="predictions"))
    assert (check.passed, check.severity.value) == (False, "WARN")
    assert check.description.startswith("Not known: v2 has scored 36 rows in 3 hours")
