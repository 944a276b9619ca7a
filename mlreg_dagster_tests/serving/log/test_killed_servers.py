"""Servers that are killed under load: every answer that left is in the table once."""

import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import httpx
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.outcomes.served.schema import SERVED_PREDICTIONS
from mlreg_dagster.serving.log.compaction import as_times, compact
from mlreg_dagster.storage.prediction_log import layout_of
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.serving.running import LONG, Server, copied, infer_body, running
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

pytestmark = pytest.mark.slow

KILLS, CONNECTIONS, ANSWERS = (20, 8, 200) if LONG else (2, 4, 20)
SETTINGS = {"log": {"segment_seconds": 1.0}}


def ask(server: Server, body: dict, answered: Counter[str]) -> None:
    """Ask on one connection until the server is gone, and count the rows of each answer that arrived."""
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S) as client:
        while True:
            try:
                reply = client.post("/v2/models/champion/infer", json=body)
            except httpx.HTTPError:
                return
            assert reply.status_code == 200, reply.text
            found = reply.json()
            answered[found["parameters"]["answer_id"]] += found["outputs"][0]["shape"][0]


def killed_under_load(server: Server, body: dict) -> Counter[str]:
    """The answers of a server that is killed while all connections ask."""
    counts = [Counter[str]() for _ in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        asking = [pool.submit(ask, server, body, each) for each in counts]
        wait_for(lambda: sum(map(len, counts)) >= ANSWERS or any(each.done() for each in asking))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        for each in asking:
            each.result()
    return sum(counts, Counter[str]())


def test_every_answer_that_left_a_killed_server_is_stored_once(live_home: Path, tmp_path: Path) -> None:
    home = copied(live_home, tmp_path)
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as tables:
        rows = tables.execute("select * exclude (hour, feature_settings) from market_features limit 3").df()
    began, answered = pd.Timestamp.now("UTC").floor("h"), Counter[str]()
    for _ in range(KILLS):
        with running(home, settings=SETTINGS) as server:
            features = [each["name"] for each in server.get("/v2/models/champion").json()["inputs"]]
            columns = {name: [None if v != v else float(v) for v in rows[name]] for name in features if name in rows}
            answered += killed_under_load(server, infer_body(columns))
    layout, tables = layout_of(home), DuckDBWarehouse(home / "warehouse.duckdb")
    hours = as_times(hour_range(began, pd.Timestamp.now("UTC").floor("h") + HOUR))
    done = compact(layout, tables, hours)
    stored = tables.read(SERVED_PREDICTIONS)
    counts = stored["answer_id"].value_counts().to_dict()
    assert not stored.duplicated(["answer_id", "row"]).any()
    assert {name: counts.get(name, 0) for name in answered} == dict(answered)
    read = [each for segments in done.hours.values() for each in segments.values()]
    assert sum(each.foreign for each in read) == 0
    assert sum(each.answers for each in read) == len(counts)
    print(f"{KILLS} kills: {len(answered):,} answered, {len(counts):,} stored, torn {sum(each.torn for each in read)}")
    assert not list(layout.open.iterdir())
    for path in layout.stored.iterdir():
        path.rename(layout.sealed / path.name)
    compact(layout, tables, hours)
    pd.testing.assert_frame_equal(tables.read(SERVED_PREDICTIONS), stored)
