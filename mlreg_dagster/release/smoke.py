"""The step that asks a real server for a version by its name, and compares the answers with the model offline."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.client.model import LoadedModel
from mlreg_dagster.client.model import load as load_offline
from mlreg_dagster.client.online import OnlineClient, OnlineScores
from mlreg_dagster.config.places import artifacts_root, latest_root, registry_url
from mlreg_dagster.config.settings import Settings
from mlreg_dagster.market.features.newest import decode
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.release.server_process import server_over
from mlreg_dagster.release.steps import NotMeasured, Step
from mlreg_dagster.serving.extra import ServeNotInstalled, require_extra
from mlreg_dagster.storage.mirror import FEATURES_FILE, FILES, Mirror

if TYPE_CHECKING:
    from mlreg_dagster.config.sections.release import ReleaseSettings
    from mlreg_dagster.market.features.newest import NewestFeatures

SMOKE = "smoke"
_ATTEMPTS = 15


@dataclass(frozen=True)
class Compared:
    """Scores of the server against those of the model offline.

    Attributes:
        asked_by: `rows` or `instruments`.
        rows: How many.
        largest_difference: Absolute; NaN where a score is none.
        same_bits: How many are equal to the last bit.
        within: Whether all are within the tolerance.
    """

    asked_by: str
    rows: int
    largest_difference: float
    same_bits: int
    within: bool


def smoke(
    home: Path, version: ModelVersion, rows: "pd.DataFrame", settings: Settings, release: "ReleaseSettings"
) -> Step:
    """Whether a server over this registry answers for the version as the version does offline.

    Args:
        home: With the registry, the bundles and the newest hour, unless variables name other places.
        version: That is to be released.
        rows: With at least its features.
        settings: Of the server.
        release: The tolerance, and how long the server may take.

    Raises:
        NotMeasured: The extra `serve` is not installed, or there is no newest hour.
        ServerFailed: No server could be started.
        ServerRefused, ServerUnavailable: It gives no answer.
        ArtifactMissing, ArtifactTampered, UntrustedModel: The version can't be loaded.
    """
    try:
        require_extra()
    except ServeNotInstalled as error:
        raise NotMeasured(str(error)) from None
    artifacts, most = artifacts_root(home), settings.serving.limits.rows
    model = load_offline(artifacts, version)
    latest = _newest_hour(home)
    newest = decode(latest[FEATURES_FILE], FEATURES_FILE)
    with server_over(registry_url(home), artifacts, latest, settings, release.smoke_seconds) as url:
        client = OnlineClient(url, timeout_s=release.smoke_seconds, attempts=_ATTEMPTS)
        found = [
            _by_rows(client, model, rows.head(most), release.tolerance),
            _by_instruments(client, model, newest, most, release.tolerance),
        ]
    figures = {"tolerance": release.tolerance, "answers": [asdict(each) for each in found]}
    scores = "; ".join(
        f"{each.rows} by {each.asked_by}, largest difference {each.largest_difference:.2g}, {each.same_bits} equal to "
        f"the last bit"
        for each in found
    )
    if all(each.within for each in found):
        return Step(SMOKE, "passed", f"A server answers for {version.version} as the model does: {scores}.", figures)
    detail = f"A server answers for {version.version} otherwise than the model does: {scores}. Train another version."
    return Step(SMOKE, "failed", detail, figures)


def _newest_hour(home: Path) -> dict[str, bytes]:
    """The mirror of the newest hour as it is now; a run that goes on may replace it meanwhile."""
    mirror, found = Mirror(latest_root(home)), {}
    for name in FILES:
        try:
            found[name] = mirror.read(name)
        except FileNotFoundError:
            continue
    if FEATURES_FILE not in found:
        raise NotMeasured(
            f"There is no newest hour in {mirror.root} to ask about by instrument. The next hourly run leaves one."
        )
    return found


def _by_rows(client: OnlineClient, model: LoadedModel, rows: "pd.DataFrame", tolerance: float) -> Compared:
    features = rows[model.features].astype(np.float64)
    return _compared("rows", model, client.score(features, model.version), model.score(features), tolerance)


def _by_instruments(
    client: OnlineClient, model: LoadedModel, newest: "NewestFeatures", most: int, tolerance: float
) -> Compared:
    instruments: Sequence[str] = newest.instruments[:most]
    hour = pd.DataFrame(newest.values[:most], columns=list(newest.features))
    answer = client.score(instruments, model.version)  # which says so where the hour lacks features of the model
    return _compared("instruments", model, answer, model.score(hour[model.features]), tolerance)


def _compared(
    asked_by: str, model: LoadedModel, answer: OnlineScores, offline: "pd.Series[float]", tolerance: float
) -> Compared:
    online, expected = answer.rows["score"].to_numpy(), offline.to_numpy()
    is_version = (answer.version, answer.artifact_sha256) == (model.version, model.sha256)
    return Compared(
        asked_by,
        len(online),
        _largest(np.abs(online - expected)),
        int(np.sum(online == expected)),
        is_version and bool(np.allclose(online, expected, rtol=tolerance, atol=tolerance)),
    )


def _largest(differences: NDArray[np.float64]) -> float:
    return float(np.max(differences)) if len(differences) else float("nan")
