"""Makes the unfitted pipeline of a detector, from the settings of a model file.

The pipelines are fitted and scored in `scoring`; detectors of plug-ins are wrapped by `plugin`; which names there are
is in `names`.
"""

from collections.abc import Callable

from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from mlreg_dagster.config import ConfigError, MemberSettings, ModelSettings
from mlreg_dagster.extensions.detectors import DETECTORS
from mlreg_dagster.models.classifier.classifier import CrashClassifier
from mlreg_dagster.models.detectors.ensemble import RankEnsemble
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER, require_detector
from mlreg_dagster.models.detectors.nearest_neighbors import NeighborDistance
from mlreg_dagster.models.detectors.plugin import PluginDetector
from mlreg_dagster.models.detectors.robust_z_score import RobustZScore

_WHITENED_VARIANCE = 0.9999


def _isolation_forest(params: dict[str, object], seed: int) -> BaseEstimator:
    """Liu, Ting and Zhou, "Isolation Forest", ICDM 2008."""
    return IsolationForest(random_state=seed, **params)


def _local_outlier_factor(params: dict[str, object], seed: int) -> BaseEstimator:  # noqa: ARG001
    """Breunig, Kriegel, Ng and Sander, "LOF: Identifying Density-Based Local Outliers", SIGMOD 2000."""
    return LocalOutlierFactor(novelty=True, **params)


def _robust_z_score(params: dict[str, object], seed: int) -> BaseEstimator:  # noqa: ARG001
    return RobustZScore(**params)


def _nearest_neighbors(params: dict[str, object], seed: int) -> BaseEstimator:  # noqa: ARG001
    return NeighborDistance(**params)  # type: ignore[arg-type]


def _crash_classifier(params: dict[str, object], seed: int) -> BaseEstimator:  # noqa: ARG001
    return CrashClassifier(**params)  # type: ignore[arg-type]


_MEMBERS: dict[str, Callable[[dict[str, object], int], BaseEstimator]] = {
    "isolation_forest": _isolation_forest,
    "local_outlier_factor": _local_outlier_factor,
    "nearest_neighbors": _nearest_neighbors,
    "robust_z_score": _robust_z_score,
}
_DETECTORS = _MEMBERS | {CRASH_CLASSIFIER: _crash_classifier}
_PLAIN = ("robust_z_score", CRASH_CLASSIFIER)
"""Those that see scaled features where nothing else is asked: each of them is looked at by itself."""


def make_pipeline(settings: ModelSettings) -> Pipeline:
    """An unfitted pipeline: nulls to medians, features to one scale, then the detector in its own space.

    That is whitened principal components where `settings.whiten` does not say otherwise: cuts along single features
    don't see a volume that breaks with its own past, but in whitened space broken correlations are far out. What it
    gains and costs is in decision 0005. The baseline stays as plain as a baseline should be.

    Raises:
        ConfigError: There is no such detector, or it does not have a parameter, or can't be member of an ensemble.
    """
    require_detector(settings.detector, "The model settings")
    known = [("impute", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
    if settings.detector != "ensemble":
        return Pipeline([*known, *_own_steps(settings, settings.seed)])
    if settings.params:
        raise ConfigError("params of detector ensemble: it takes no arguments; its members have params of their own.")
    return Pipeline([*known, ("detector", RankEnsemble([_member(each, settings.seed) for each in settings.members]))])


def require_allowed(pipeline: Pipeline, detector: str) -> None:
    """Refuse values of parameters that scikit-learn's detectors do not allow, before rows are there to fit.

    Args:
        pipeline: As `make_pipeline` made it.
        detector: Its name, for the message.

    Raises:
        ConfigError: A value is not allowed.
    """
    last = pipeline[-1]
    for each in [member[-1] for member in last.members] if isinstance(last, RankEnsemble) else [last]:
        if hasattr(each, "_parameter_constraints"):
            try:
                each._validate_params()  # noqa: SLF001  # what its own fit asks first
            except ValueError as error:
                raise ConfigError(f"params of detector {detector}: {error}") from error


def _member(settings: MemberSettings, seed: int) -> Pipeline:
    if settings.detector not in _MEMBERS:
        raise ConfigError(
            f"members: an ensemble can't have the member {settings.detector}; allowed are {', '.join(_MEMBERS)}."
        )
    return Pipeline(_own_steps(settings, seed))


def _own_steps(settings: ModelSettings | MemberSettings, seed: int) -> list[tuple[str, BaseEstimator]]:
    """What rows pass once they are known and scaled."""
    own = DETECTORS.get(settings.detector)
    try:
        if own is None:
            detector = _DETECTORS[settings.detector](dict(settings.params), seed)
        else:
            own.make(settings.params, seed)  # which looks at the parameters
            detector = PluginDetector(own.name, dict(settings.params), seed)
    except TypeError as error:
        raise ConfigError(f"params of detector {settings.detector}: {error}.") from error
    whiten = settings.whiten
    if whiten is None:
        whiten = own.whitened if own else settings.detector not in _PLAIN
    # by the exact decomposition: no random numbers, no dependence on the number of rows
    white = [("whiten", PCA(n_components=_WHITENED_VARIANCE, whiten=True, svd_solver="full"))] if whiten else []
    return [*white, ("detector", detector)]
