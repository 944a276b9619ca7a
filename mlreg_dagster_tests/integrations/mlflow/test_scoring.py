"""What MLflow loads scores as the predictions on record say, whatever the detector, and refuses another bundle."""

from datetime import UTC, datetime

import mlflow
import numpy as np
import pytest

from mlreg_dagster.core.hours import hour_range
from mlreg_dagster.extensions.detectors import DETECTORS
from mlreg_dagster.integrations.mlflow import mirror
from mlreg_dagster.integrations.mlflow.place import Place
from mlreg_dagster.models.registration import register
from mlreg_dagster.outcomes.predicting.scoring import assign, score
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.storage.artifacts import ArtifactTampered, open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.testing import DetectorContract
from mlreg_dagster_tests.models.detectors import test_contract

pytestmark = pytest.mark.slow

SUITES = {
    name: suite
    for name, suite in vars(test_contract).items()
    if isinstance(suite, type) and issubclass(suite, DetectorContract) and suite is not DetectorContract
}
"""Every kind that is held to the contract: one version of each."""


class Scored:
    """A registry with a version of each kind, the holdout scored by all of them, and the mirror."""

    def __init__(self, home):
        self.home = home
        self.world = next(iter(SUITES.values()))().world
        self.store = open_artifacts(str(home / "artifacts"))
        self.registry = Registry(f"sqlite:///{home / 'registry.sqlite'}")
        self.place = Place(f"sqlite:///{home / 'mlflow.sqlite'}", str(home / "mlflow"), home / "mlflow.lock")
        self.versions = {name: f"v{number}" for number, name in enumerate(SUITES, 1)}
        for name, version in self.versions.items():
            model = SUITES[name]().train()
            model.manifest["version"] = version
            register(model, self.store, self.registry, Attribution("anna", datetime(2026, 1, 9, tzinfo=UTC)))
        rows = self.rows
        hours = hour_range(rows["hour"].min(), rows["hour"].max())
        scored = score(
            assign(self.registry, hours, self.versions.values()),
            rows,
            rows[["hour", "instrument_id"]].assign(price=1.0),
            self.store,
        )
        self.tables = DuckDBWarehouse(home / "warehouse.duckdb")
        self.tables.write(PREDICTIONS, scored, hours)

    @property
    def rows(self):
        return self.world.holdout.rows

    def synced(self):
        return mirror.sync(self.registry, self.store, self.place, ())

    def loaded(self, kind):
        return mlflow.pyfunc.load_model(f"models:/mlreg/{self.versions[kind][1:]}")

    def on_record(self, kind):
        """The rows that the version of a kind scored, with the score of each."""
        said = self.tables.query(
            "SELECT hour, instrument_id, score FROM predictions WHERE model_version = $version",
            {"version": self.versions[kind]},
        )
        both = self.rows.merge(said, on=["hour", "instrument_id"])
        assert len(both) == len(said) == len(self.rows) > 100
        return both

    def flip(self, kind):
        """One bit of each file that MLflow has of a bundle, one after the other."""
        run = mirror.read(mirror.open_client(self.place)).runs[self.versions[kind]].id
        bundle = self.home / "mlflow" / run / "artifacts" / "model" / "artifacts"
        for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
            before = path.read_bytes()
            changed = bytearray(before)
            changed[len(changed) // 2] ^= 1
            path.chmod(0o600)
            path.write_bytes(changed)
            yield path.name
            path.write_bytes(before)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        made = Scored(tmp_path_factory.mktemp("kinds"))
        assert made.synced().calls > 0
        patch.setattr(mlflow.tracking._tracking_service.utils, "_tracking_uri", made.place.uri)
        yield made


def test_there_is_a_version_of_every_kind(scored):
    built_in = {name for name in DETECTORS.names if DETECTORS.plugin(name) is None}
    assert {version.detector for version in scored.registry.versions()} == built_in
    assert scored.synced().calls == 0


@pytest.mark.parametrize("kind", SUITES)
def test_it_scores_without_any_difference(scored, kind):
    rows, loaded = scored.on_record(kind), scored.loaded(kind)
    manifest = scored.registry.version(scored.versions[kind]).manifest
    features = rows[manifest["features"][::-1]]  # by name, not by place
    assert np.isnan(features.to_numpy(dtype=float)).any()
    answer = loaded.predict(features)
    assert np.abs(answer["score"].to_numpy() - rows["score"].to_numpy()).max() == 0.0
    assert (answer["is_anomaly"] == (rows["score"] > manifest["threshold"])).all()
    assert answer["score"].nunique() > 10


@pytest.mark.parametrize("kind", SUITES)
def test_one_flipped_bit_of_its_bundle_is_refused(scored, kind):
    flipped = []
    for name in scored.flip(kind):
        flipped.append(name)
        with pytest.raises(ArtifactTampered, match="frozen"):
            scored.loaded(kind)
    assert {"manifest.json", "pipeline.skops"} <= set(flipped)
    scored.loaded(kind)
