import getpass

import pandas as pd
import pytest

from mlreg_dagster.orchestration.resources import Clock, WarehouseResource, current_actor
from mlreg_dagster.storage.warehouse import Warehouse, WarehouseBusy


def test_a_connection_of_ones_own_is_guarded_like_every_other(tmp_path):
    resource = WarehouseResource(database=str(tmp_path / "tables.duckdb"), lock_timeout_s=0.1)
    with resource.get_connection() as connection:
        assert connection.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
        with pytest.raises(WarehouseBusy), Warehouse(tmp_path / "tables.duckdb", 0.1).connect():
            pass
    with resource.open().connect():
        pass


@pytest.mark.parametrize("text", ["2026-01-08T00:30", "2026-01-08T01:30+01:00"])
def test_a_clock_can_stand_still(text):
    assert Clock(fixed=text).now() == pd.Timestamp("2026-01-08T00:30Z")


def test_a_clock_goes_by_the_machine_in_utc():
    before = pd.Timestamp.now(tz="UTC")
    assert before <= Clock().now() <= pd.Timestamp.now(tz="UTC")
    assert str(Clock().now().tz) == "UTC"


def test_who_acts_is_the_one_named_then_the_environment_then_the_user(monkeypatch):
    monkeypatch.setenv("MLREG_ACTOR", "anna")
    assert current_actor("bert") == "bert"
    assert current_actor(None) == "anna"
    monkeypatch.delenv("MLREG_ACTOR")
    assert current_actor(None) == getpass.getuser()
