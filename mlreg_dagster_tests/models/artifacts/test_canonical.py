"""The bytes of a fitted pipeline depend on the pipeline alone."""

import io

import numpy as np
import pytest
import skops.io
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline

from mlreg_dagster.models.artifacts import canonical

ROWS = np.random.default_rng(1).normal(size=(400, 3))


def fitted(algorithm: str) -> Pipeline:
    neighbours = LocalOutlierFactor(n_neighbors=10, novelty=True, algorithm=algorithm)
    return Pipeline([("detector", neighbours)]).fit(ROWS)


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_how_often_an_index_was_asked_does_not_matter(algorithm):
    pipeline = fitted(algorithm)
    before = canonical.to_bytes(pipeline)
    scores = pipeline.score_samples(ROWS + 0.5)
    assert canonical.to_bytes(pipeline) == before == canonical.to_bytes(fitted(algorithm))
    loaded = skops.io.load(io.BytesIO(before), trusted=skops.io.get_untrusted_types(data=before))
    assert (loaded.score_samples(ROWS + 0.5) == scores).all()
