"""Rows of which one feature tells how likely a crash is, and classifiers of them."""

import numpy as np

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.models.classifier.labels import Labels
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import fit

KINDS = {
    "logistic": {},
    "boosting": {"kind": "boosting", "max_iter": 10, "min_samples_leaf": 20},
}


def data(seed=0, count=4000, strength=2.0):
    """Rows of which the first feature tells how likely a crash is; ten an hour."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 4))
    y = rng.random(count) < 1 / (1 + np.exp(3.5 - strength * X[:, 0]))
    return X, Labels(y, np.arange(count) // 10, 48)


def fitted(kind="logistic", strength=2.0, **params):
    X, labels = data(strength=strength)
    settings = ModelSettings(detector="crash_classifier", params={**KINDS[kind], **params})
    return fit(make_pipeline(settings), X, labels=labels), X, labels
