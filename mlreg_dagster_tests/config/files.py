"""The shipped config files and their models, and files as the tests write them."""

from pathlib import Path

from mlreg_dagster.config import FlaggingSettings, MemberSettings, ModelSettings, Settings, load_settings
from mlreg_dagster_tests.repository import PROJECT_DIR

SHIPPED = sorted((PROJECT_DIR / "configs").glob("*.yaml"))
MODELS = {
    "model": ModelSettings(),
    "model_lof": ModelSettings(
        detector="local_outlier_factor", params={"n_neighbors": 20}, contamination=0.02, max_training_rows=10_000
    ),
    "model_neighbors": ModelSettings(
        detector="nearest_neighbors",
        params={"n_neighbors": 10},
        whiten=True,
        contamination=0.05,
        max_training_rows=10_000,
    ),
    "model_ensemble": ModelSettings(
        detector="ensemble",
        members=(
            MemberSettings(detector="isolation_forest", whiten=True),
            MemberSettings(detector="nearest_neighbors", params={"n_neighbors": 10}, whiten=False),
            MemberSettings(detector="robust_z_score", whiten=False),
        ),
        contamination=0.05,
        max_training_rows=10_000,
    ),
    "model_classifier": ModelSettings(
        detector="crash_classifier",
        params={
            "kind": "logistic",
            "calibration": "platt",
            "folds": 5,
            "max_iter": 100,
            "learning_rate": 0.05,
            "max_leaf_nodes": 15,
            "min_samples_leaf": 100,
            "C": 0.01,
        },
        max_training_rows=200_000,
    ),
    "model_conservative": ModelSettings(
        contamination=0.05, flagging=FlaggingSettings(budget=0.05, min_share=0.045, max_share=0.055)
    ),
    "model_aggressive": ModelSettings(
        contamination=0.12, flagging=FlaggingSettings(budget=0.12, min_share=0.115, max_share=0.125)
    ),
}


def load_file(folder: Path, file: str, text: str) -> Settings:
    (folder / file).write_text(text, encoding="utf-8")
    return load_settings(folder)
