"""`mlreg audit data`: exits with 1 where something is wrong, and writes one file that needs nothing else."""

import re

from mlreg_dagster.config.places import warehouse_file
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse


def test_a_home_in_order_and_one_with_a_lost_hour(on_live, own_home, tmp_path):
    report = tmp_path / "made" / "audit.html"
    answer = on_live("audit", "data", "--table", "market_features", "--to", "2026-01-06T23:00", "--report", str(report))
    assert answer.code == 0, answer
    assert "findings: 0 wrong" in answer.out
    html = report.read_text(encoding="utf-8")
    assert "<h2>market_features" in html
    assert "slog_volume_24h" in html
    assert not re.search(r"(src|href)=\"(?!data:)", html)
    assert "<script" not in html

    warehouse = DuckDBWarehouse(warehouse_file(own_home))
    with warehouse.connect() as connection:
        connection.execute("DELETE FROM market_features WHERE hour = '2026-01-05 06:00:00+00'")
        connection.execute("UPDATE predictions SET is_anomaly = NOT is_anomaly WHERE hour = '2026-01-05 07:00:00+00'")
    warehouse.mirror_again()
    answer = on_live("audit", "data", "--table", "market_features", "--table", "predictions")
    assert answer.code == 1
    assert "wrong: market_features lacks 1 hours that market_snapshot holds: 2026-01-05 06:00." in answer.out
    assert "Materialize market_features for 2026-01-05-06:00 again." in answer.out
    assert "in which is_anomaly must be score > threshold does not hold; 2026-01-05 07:00." in answer.out


def test_what_can_not_be_asked(on_live):
    answer = on_live("audit", "data", "--table", "[red]none")
    assert answer.code == 1
    assert "There is no table '[red]none'. Name one of market_snapshot, " in answer.err
    assert "yesterday" in on_live("audit", "data", "--from", "yesterday").err
