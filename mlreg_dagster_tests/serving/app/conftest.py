"""Servers that tests of this room share, and the rows that the hourly job scored."""

from pathlib import Path

import duckdb
import pytest

from mlreg_dagster_tests.lifecycle import CONFIGS
from mlreg_dagster_tests.serving.running import Server, copied, running

REASONS = {"families": 2}
"""Other than the defaults."""


@pytest.fixture(scope="session")
def server(live_home: Path, tmp_path_factory: pytest.TempPathFactory):
    """A ready server of v2, which tests only ask; its log tells what it imports."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLREG_REGISTRY", "MLREG_ARTIFACTS", "DAGSTER_HOME", "MLREG_SERVING_KEYS"):
            patch.delenv(name, raising=False)
        home = copied(live_home, tmp_path_factory.mktemp("server"))
        configs = {"outcomes": {**CONFIGS["outcomes"], "reasons": REASONS}}
        environment = {"PYTHONPROFILEIMPORTTIME": "1"}
        with running(home, environment=environment, configs=configs) as found:
            yield found


@pytest.fixture(scope="session")
def predicted(server: Server):
    """Rows of market_features that the champion v2 scored in the hourly job, with their scores and flags."""
    with duckdb.connect(str(server.home / "warehouse.duckdb"), read_only=True) as tables:
        return tables.execute(
            "select f.*, p.score, p.is_anomaly from market_features f join predictions p using (hour, instrument_id)"
            " where p.model_version = 'v2' and p.role = 'champion' order by hour, instrument_id"
        ).df()


def columns_of(rows, features):
    """Rows as a request has them: a list a feature, null for what is unknown."""
    return {name: [None if value != value else float(value) for value in rows[name]] for name in features}
