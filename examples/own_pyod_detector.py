"""A detector of PyOD (`pip install pyod`): the histogram-based outlier score.

model.yaml:

    detector: hbos
    params: {n_bins: 20}
"""

from typing import Any

from mlreg_dagster.extensions import pyod_detector


@pyod_detector("hbos", types=["pyod.models.hbos.HBOS"])
def hbos(n_bins: int = 10, alpha: float = 0.1) -> Any:
    """Goldstein and Dengel, "Histogram-based Outlier Score (HBOS)", 2012."""
    from pyod.models.hbos import HBOS

    return HBOS(n_bins=n_bins, alpha=alpha)
