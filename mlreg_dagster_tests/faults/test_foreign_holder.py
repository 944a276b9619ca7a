"""A person's shell has the DuckDB file open, and knows nothing of our lock."""

import re
import subprocess
import sys
import threading

import pytest

from mlreg_dagster.config import CoinGeckoSettings
from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.coingecko.source import CoinGecko
from mlreg_dagster.orchestration import retries
from mlreg_dagster.orchestration.resources import Clock, WarehouseResource
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster_tests.faults import wording
from mlreg_dagster_tests.lifecycle import failure
from mlreg_dagster_tests.market.sources.coingecko.fake_coingecko import FakeCoinGecko, serve
from mlreg_dagster_tests.market.sources.source_fixtures import LIVE, NOW
from mlreg_dagster_tests.storage.warehouse.sample_table import FIRST, READINGS, rows
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="DuckDB names the holder on Linux")

LIVE_HOUR = hour_range(LIVE, LIVE)


class Shell:
    """A process that has a database open, until it is told to let go."""

    def __init__(self, path):
        script = path.with_name("looking_around.py")
        script.write_text("import duckdb, sys\nheld = duckdb.connect(sys.argv[1])\nprint('open', flush=True)\ninput()")
        self.process = subprocess.Popen(
            [sys.executable, script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout.readline() == "open\n"
        self.named = rf'"pid": {self.process.pid}, "command": "[^"]*looking_around.py'

    def let_go(self):
        if self.process.poll() is None:
            self.process.communicate("\n", timeout=PATIENCE_S)


@pytest.fixture
def warehouse(tmp_path):
    made = DuckDBWarehouse(tmp_path / "warehouse.duckdb", lock_timeout_s=0.5)
    made.write(READINGS, rows([FIRST]), [FIRST])
    return made


@pytest.fixture
def shell(warehouse):
    opened = Shell(warehouse.path)
    yield opened
    opened.let_go()


def test_it_is_named_by_process_and_command(warehouse, shell):
    with pytest.raises(WarehouseBusy, match=rf"{wording.BUSY} 0\.5 s; nothing was written\..*{shell.named}") as error:
        warehouse.read(READINGS)
    assert "Could not set lock on file" in str(error.value)  # DuckDB's own words


def test_it_is_named_as_well_to_a_process_that_waits_behind_one_of_ours(warehouse, shell):
    patient = DuckDBWarehouse(warehouse.path, lock_timeout_s=PATIENCE_S)
    waiting = threading.Thread(target=lambda: patient.read(READINGS))
    waiting.start()
    wait_for(lambda: re.search(shell.named, warehouse.file.lock.holder()))  # it holds our lock, and waits for the shell
    for _ in range(2):
        with pytest.raises(WarehouseBusy, match=rf"Holder: .*{shell.named}"):
            warehouse.read(READINGS)
    shell.let_go()
    waiting.join(PATIENCE_S)
    assert len(warehouse.read(READINGS)) == 3


@pytest.fixture
def market(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("COINGECKO_API_KEY", raising=False)
    with serve(FakeCoinGecko(NOW, coins=4)) as running:
        yield running


@pytest.fixture
def live_world(make_world, market, tmp_path, monkeypatch):
    """A home whose source is live, before the first hour was written; `now` is its clock."""
    monkeypatch.setattr(retries, "WAIT_S", 0)
    settings = CoinGeckoSettings(base_url=market.url, requests_per_minute=1e9)

    def make(now=NOW):
        source = CoinGecko(settings, 4, LandingZone(tmp_path / "raw"))
        tables = WarehouseResource(database=str(tmp_path / "warehouse.duckdb"), lock_timeout_s=0.5)
        return make_world(None, source=source, warehouse=tables, clock=Clock(fixed=now.isoformat()))

    return make


def test_a_run_that_waits_in_vain_names_the_shell_and_loses_nothing_it_had_fetched(
    live_world, market, warehouse, shell
):
    assert re.search(shell.named, failure(live_world().attempt("market_snapshot", hours=LIVE_HOUR)))
    asked = len(market.requests)
    assert asked == 1  # and not once more for each of the three retries
    market.price_factor = lambda _coin, _time: 2.0  # what the market said then can't be asked any more
    shell.let_go()
    assert live_world(NOW + 2 * HOUR).attempt("market_snapshot", hours=LIVE_HOUR).success
    assert len(market.requests) == asked
    stored = warehouse.read(MARKET_SNAPSHOT)
    assert stored["price"].tolist() == [market.price(coin, NOW.timestamp()) / 2 for coin in market.coins]


def test_a_run_outlasts_a_shell_that_lets_go_between_two_attempts(live_world, market, warehouse, shell, monkeypatch):
    release = WarehouseResource.release

    def let_go_and_release(resource):  # called when an attempt has failed, before the next one is requested
        shell.let_go()
        release(resource)

    monkeypatch.setattr(WarehouseResource, "release", let_go_and_release)
    world = live_world()
    assert world.attempt("market_snapshot", hours=LIVE_HOUR).success
    assert _is_tried_again(world)
    assert len(market.requests) == 1
    assert len(warehouse.read(MARKET_SNAPSHOT)) == 4


def _is_tried_again(world):
    events = (entry.dagster_event for run in world.instance.get_runs() for entry in world.instance.all_logs(run.run_id))
    return any(event is not None and event.is_step_up_for_retry for event in events)
