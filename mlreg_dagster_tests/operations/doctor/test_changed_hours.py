"""Hours that were repaired behind a version in use."""

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster_tests.lifecycle import START
from mlreg_dagster_tests.operations.conftest import content_of
from mlreg_dagster_tests.operations.doctor.damage import sql


def test_repaired_hours_behind_a_version_in_use_are_told(home, findings):
    assert findings()["repaired hours"].state == "ok"
    first = START + 30 * HOUR
    sql(home, f"UPDATE market_features SET change_1h_pct = 99 WHERE hour IN ('{first}', '{first + HOUR}')")
    before = content_of(home.folder)
    found = findings()["repaired hours"]
    assert found.state == "waiting"  # a person or the next training decides
    assert found.seen.startswith("v2 (champion): 2 of the 48 hours of training_dataset 2026-01-04 hold other rows now")
    assert "mlreg train" in found.advice
    assert content_of(home.folder) == before


def test_hours_that_were_pruned_are_no_repair(home, findings):
    sql(home, f"DELETE FROM market_features WHERE hour < '{START + 30 * HOUR}'")
    found = findings()["repaired hours"]
    assert found.state == "ok"
    assert "6 hours have no rows any more" in found.seen
