"""From the bytes of a model file to a pipeline, without running code that the file brings.

skops rebuilds objects from a description and refuses all types that are not declared as trusted. They are listed
here, or declared by an installed plug-in; never in the file.
"""

import io
from functools import lru_cache
from typing import Any
from zipfile import ZipFile

import skops.io
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UntrustedTypesFoundException

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.extensions.detectors import DETECTORS
from mlreg_dagster.models.artifacts.soundness import require_sound
from mlreg_dagster.models.detectors.plugin import DetectorNotInstalled

TRUSTED_TYPES = frozenset(
    {
        "mlreg_dagster.models.classifier.classifier.CrashClassifier",
        "mlreg_dagster.models.detectors.RobustZScore",
        "mlreg_dagster.models.detectors.ensemble.RankEnsemble",
        "mlreg_dagster.models.detectors.nearest_neighbors.NeighborDistance",
        "numpy.dtype",
        "sklearn.tree._tree.Tree",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.metrics._dist_metrics.ChebyshevDistance64",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    }
)
"""The types that files of the package's detectors may hold, beyond those that skops trusts by itself."""

_ADAPTER = "mlreg_dagster.models.plugin_detector.PluginDetector"
_LARGEST_MODEL_BYTES = 4 << 30


class UntrustedModel(MlregError):
    """A model file that is no skops file, or asks for types that are not on the list; nothing of it was run."""


def plugin_record(detector: str) -> dict[str, Any] | None:
    """What a manifest says of a plug-in's detector: plug-in, version, declared types; None for the package's own."""
    plugin, found = DETECTORS.plugin(detector), DETECTORS.get(detector)
    if plugin is None or found is None:
        return None
    return {"name": plugin.name, "version": plugin.version, "types": sorted(found.types)}


def trusted_types(detector: str, version: str) -> frozenset[str]:
    """The types that a file of that detector may hold.

    Args:
        detector: As the manifest of the version names it.
        version: Whose it is, for messages.

    Raises:
        DetectorNotInstalled: No plug-in that is installed registers it.
    """
    found = DETECTORS.get(detector)
    if found is not None:
        return TRUSTED_TYPES | found.types | {_ADAPTER}
    if detector in DETECTORS:
        return TRUSTED_TYPES
    raise DetectorNotInstalled(
        f"{version} is a model of the detector {detector}, which no installed plug-in registers. Nothing of it was "
        f"run. Install the plug-in that its manifest names, or name its module in extensions.yaml."
    )


@lru_cache(maxsize=8)  # a replay loads its champion again and again; the key is the very bytes
def load_pipeline(content: bytes, version: str, trusted: frozenset[str] = TRUSTED_TYPES) -> Pipeline:
    """Read a pipeline.

    Args:
        content: A skops file.
        version: Whose it is, for messages.
        trusted: Types that it may hold.

    Raises:
        UntrustedModel: It is no skops file of a pipeline, or asks for other types.
    """
    try:
        with ZipFile(io.BytesIO(content)) as members:
            size = sum(member.file_size for member in members.infolist())
        if size > _LARGEST_MODEL_BYTES:
            raise ValueError(f"unpacked it would take {size:,} bytes")
        loaded = skops.io.loads(content, trusted=sorted(trusted))
        if isinstance(loaded, Pipeline):
            require_sound(loaded)
    except UntrustedTypesFoundException as error:
        untrusted = sorted(set(skops.io.get_untrusted_types(data=content)) - trusted)
        raise UntrustedModel(
            f"{version} asks for types that are not trusted: {', '.join(untrusted)}. Nothing of it was run. Use "
            f"parameters that need no such type, or, if you trust it, add it to the types that the detector's plug-in "
            f"declares, or to TRUSTED_TYPES in mlreg_dagster/models/artifacts/trust.py."
        ) from error
    except Exception as error:  # anything may be wrong in a file that was changed
        raise UntrustedModel(
            f"{version} can't be read as a skops file ({error}); it is damaged, and nothing of it was run."
        ) from error
    if not isinstance(loaded, Pipeline):
        raise UntrustedModel(f"{version} holds a {type(loaded).__name__} where a pipeline belongs; it is no model.")
    return loaded
