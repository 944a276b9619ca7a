"""What every detector must do, those of the package and those of plug-ins."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from mlreg_dagster.config import ConfigError
from mlreg_dagster.datasets.labels import LABEL
from mlreg_dagster.extensions.detectors import DETECTORS
from mlreg_dagster.market.names import CRASH, NO_CRASH
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.training import NOT_FEATURES, retrain, train
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.testing.world import DAY_ENDS, World, model_settings, shared_world


class DetectorContract:
    """Subclass it, name the detector, and its `params` if the defaults are slow.

    Attributes:
        detector: As it is registered.
        params: Of model.yaml.
        is_supervised: Whether it learns which rows crashes follow; these need not be far from others.
    """

    detector: ClassVar[str]
    params: ClassVar[Mapping[str, Any]] = {}
    is_supervised: ClassVar[bool] = False
    _trained: ClassVar[dict[type, Model]] = {}

    @property
    def world(self) -> World:
        """Frozen datasets of a small random market."""
        return shared_world()

    @property
    def model(self) -> Model:
        """Trained once for all tests of the class."""
        return self._trained.get(type(self)) or self._trained.setdefault(type(self), self.train())

    @property
    def holdout(self) -> pd.DataFrame:
        """The model's features of the holdout rows."""
        return self.world.holdout.rows[self.model.features]

    def train(self, **changes: Any) -> Model:
        """Train with other settings."""
        return self.world.train(model_settings(self.detector, self.params, **changes))

    def test_it_is_registered(self) -> None:
        """The name can be chosen in model.yaml."""
        assert self.detector in DETECTORS, f"No detector {self.detector} is registered; import the module that does."

    def test_higher_is_more_anomalous(self) -> None:
        """A row far from all others scores higher than those, and one in their middle lower than most.

        Of a supervised detector: rows that crashes followed score higher than others.
        """
        if self.is_supervised:
            labelled = self.world.training.labelled
            assert labelled is not None
            scores = self.model.score(self.model.select(labelled))
            crashed, others = (scores[labelled[LABEL] == each].mean() for each in (CRASH, NO_CRASH))
            assert crashed > others, "Rows that crashes followed score no higher than others: sign?"
            return
        rows = self.world.training.rows[self.model.features]
        middle = rows.median()
        far = (middle + 50 * rows.std().fillna(0)).to_frame().T
        usual = self.model.score(rows)
        assert self.model.score(far)[0] > np.quantile(usual, 0.99), "A row far from all others scores no higher: sign?"
        assert self.model.score(middle.to_frame().T)[0] < np.quantile(usual, 0.5), "The usual row scores high: sign?"

    def test_a_seed_gives_the_same_scores(self) -> None:
        """Training again gives the same model."""
        again = self.train()
        assert again.threshold == self.model.threshold, "Trained again, the threshold is another: use `seed`."
        assert np.array_equal(again.score(self.holdout), self.model.score(self.holdout)), (
            "Trained again, scores differ."
        )

    def test_a_row_scores_the_same_whichever_rows_are_scored_with_it(self) -> None:
        """Order and company of a row play no part, and scoring it again gives the same."""
        holdout = self.holdout
        together = self.model.score(holdout)
        assert np.array_equal(self.model.score(holdout), together), "Scored twice, the scores differ."
        for chosen in (slice(0, 1), slice(3, 10), slice(None, None, -1), slice(7, None, 13)):
            found = self.model.score(holdout.iloc[chosen])
            assert np.array_equal(found, together[chosen]), "Scores depend on the rows that are scored together."
        many = pd.concat([holdout] * 6, ignore_index=True)
        assert np.array_equal(self.model.score(many), np.tile(together, 6)), "Scores depend on the number of rows."
        assert self.model.score(holdout.iloc[:0]).shape == (0,)

    def test_a_saved_model_scores_the_same_to_the_last_bit(self) -> None:
        """The file holds everything, in trusted types alone."""
        with TemporaryDirectory() as folder:
            store = open_artifacts(str(Path(folder) / "artifacts"))
            saved = artifact.save(store, "v1", self.model)
            loaded = artifact.load(store, "v1", saved.sha256)
            assert np.array_equal(loaded.score(self.holdout), self.model.score(self.holdout)), "Loaded, scores differ."
            assert dict(loaded.manifest) == dict(self.model.manifest)

    def test_scoring_fits_nothing(self) -> None:
        """The bytes of a model are the same before and after it has scored."""
        with TemporaryDirectory() as folder:
            before, after = (open_artifacts(str(Path(folder) / name)) for name in ("before", "after"))
            files = artifact.save(before, "v1", self.model).files
            self.model.score(self.holdout)
            self.model.transform(self.holdout)
            assert artifact.save(after, "v1", self.model).files == files, "Scoring changed the model."

    def test_nulls_are_accepted_and_scores_are_finite(self) -> None:
        """Nulls in training and in scoring are no trouble."""
        training = self.world.training
        assert training.rows.drop(columns=list(NOT_FEATURES)).isna().to_numpy().any()
        for features in (self.holdout, self.holdout.assign(change_1h_pct=np.nan), self.holdout * np.nan):
            assert np.isfinite(self.model.score(features)).all(), "Rows with nulls get scores that are no numbers."

    def test_the_threshold_flags_the_asked_share_of_the_training_rows(self) -> None:
        """Scores tell rows apart finely enough for the contamination."""
        for contamination in (0.02, 0.1, 0.3):
            found = self.train(contamination=contamination).manifest["training_anomaly_rate"]
            assert abs(found - contamination) <= 2 / len(self.world.training.rows), "Too many rows have one score."

    def test_a_version_trained_again_from_its_manifest_scores_the_same(self) -> None:
        """The manifest holds all that is needed."""
        manifest = json.loads(json.dumps(self.model.manifest))
        again = retrain(manifest, self.world.training)
        assert json.loads(json.dumps(again.manifest)) == manifest
        assert np.array_equal(again.score(self.holdout), self.model.score(self.holdout))

    def test_a_parameter_that_it_does_not_have_is_named(self) -> None:
        """Parameters are keyword arguments that are spelled out."""
        settings = model_settings(self.detector, {"no_such_parameter": 1})
        try:
            make_pipeline(settings)
        except ConfigError as error:
            assert f"params of detector {self.detector}" in str(error)
        else:
            raise AssertionError("A parameter that does not exist is accepted: name parameters instead of **kwargs.")

    def test_the_manifest_names_plugin_version_and_types(self) -> None:
        """Readers of a version can tell whose detector it is, and which types its file holds."""
        plugin, found = DETECTORS.plugin(self.detector), DETECTORS.get(self.detector)
        if plugin is not None and found is not None:
            expected = {"name": plugin.name, "version": plugin.version, "types": sorted(found.types)}
            assert self.model.manifest["plugin"] == expected

    def test_a_chosen_list_of_features_is_the_list_that_is_used(self) -> None:
        """It learns from as few as three features."""
        names = ("change_24h_pct", "slog_volume_24h", "change_1h_pct")
        settings = model_settings(self.detector, self.params, features=names)
        model = train("v1", self.world.training, DAY_ENDS, settings)
        assert model.features == list(names)
        assert np.isfinite(model.score(model.select(self.world.holdout.rows))).all()
