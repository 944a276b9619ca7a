"""A location that came to rest, and what the tests of the sensors change about it."""

import shutil

import pandas as pd
import pytest
import sqlalchemy

from mlreg_dagster.orchestration.instance import runs
from mlreg_dagster_tests.automation.failing import BrokenMarket
from mlreg_dagster_tests.first_day import FIRST_DAY_OVER
from mlreg_dagster_tests.lifecycle import CONFIGS as LIFECYCLE
from mlreg_dagster_tests.location import Location


@pytest.fixture(autouse=True, scope="module")
def hasty_sqlite():
    """No test has to survive a power cut, so nothing waits for the disk."""

    def hurry(connection, _) -> None:
        if type(connection).__module__ == "sqlite3":
            connection.execute("PRAGMA synchronous=OFF")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", hurry)
    yield
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", hurry)


@pytest.fixture
def reopen(made_first_day, tmp_path):
    """A copy of the first day, opened at a later time or with other settings; the same copy under the same name."""

    def open_copy(
        now: str = FIRST_DAY_OVER, configs: dict | None = None, name: str = "location", **resources
    ) -> Location:
        if not (tmp_path / name).exists():
            shutil.copytree(made_first_day, tmp_path / name)
        return Location(tmp_path / name, now, configs, **resources)

    return open_copy


@pytest.fixture
def later(monkeypatch):
    """Turn the machine's clock forward, as the sensors see it."""

    def turn(**by: int) -> None:
        monkeypatch.setattr(runs, "_now", lambda: pd.Timestamp.now(tz="UTC") + pd.Timedelta(**by))

    return turn


@pytest.fixture
def broken_market(reopen):
    settings = reopen().world.settings.ingest
    return BrokenMarket(settings.simulated, settings.universe)


@pytest.fixture
def candidates(trained_home, tmp_path):
    """v1 and v2 passed their gates, v3 failed one; nobody is champion yet."""

    def make(automatic: str = "passed") -> Location:
        shutil.copytree(trained_home, tmp_path / "candidates" / "home")
        as_evaluated = {"evaluation": LIFECYCLE["evaluation"]}
        configs = {"promotion": {"automatic": automatic}, **as_evaluated}
        return Location(tmp_path / "candidates", "2026-01-05T00:30", configs)

    return make
