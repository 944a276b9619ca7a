"""The command that scores files; a running server scores requests."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from mlreg_dagster.cli.arguments import complete_versions, writing_to
from mlreg_dagster.cli.session import AsJson, open_runner, show

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlreg_dagster.models.artifacts.artifact import Model
    from mlreg_dagster.registry import Registry
    from mlreg_dagster.serving.following.follower import Served
    from mlreg_dagster.serving.online.batch.scoring import BatchSummary
    from mlreg_dagster.serving.scoring.model import ServedModel
    from mlreg_dagster.serving.scoring.scorer import Scorer
    from mlreg_dagster.storage.artifacts import ArtifactStore


def score(
    file: Annotated[Path, typer.Argument(help="Rows: CSV, Parquet or JSON lines (.jsonl), by its extension.")],
    out: Annotated[Path, typer.Option(help="Where the scores are written, in one of these forms, by its extension.")],
    model: Annotated[
        str, typer.Option(help="v7, latest, latest-1, or an alias.", autocompletion=complete_versions)
    ] = "champion",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Score a file's rows as the server would, without one; nothing of it becomes a prediction on record.

    Columns by name, in any order; an empty value is unknown. A file with `instrument_id` alone is scored by the newest
    hour.
    """
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.config.places import latest_root
    from mlreg_dagster.orchestration.instance.audit_anchors import require_intact
    from mlreg_dagster.serving.online.batch.scoring import score_file
    from mlreg_dagster.serving.online.latest import LatestHour

    runner = open_runner()
    require_intact(runner.registry, runner.instance)
    settings = runner.settings.serving
    served, remarks = _served_now(runner.registry, runner.artifacts, model, settings.walk_from_rows)
    latest = LatestHour(latest_root(home_dir()), look_every_seconds=_ONE_LOOK)
    with writing_to(out):
        scored = score_file(served, file, out, settings, latest, overwrite=overwrite)
    threshold = scored.threshold
    show(
        as_json,
        *_sentences(served, scored, out),
        *remarks,
        version=served.model.version,
        artifact_sha256=served.model.sha256,
        alias=served.alias,
        alias_sequence=served.sequence,
        rows=scored.rows,
        anomalies=scored.anomalies,
        threshold=threshold.value if threshold else None,
        threshold_policy=threshold.policy if threshold else None,
        threshold_source=threshold.source if threshold else None,
        threshold_hour=threshold.hour if threshold else None,
        in_sample=scored.in_sample,
        unknown_hours=scored.unknown_hours,
        features_checked=scored.is_checked,
        stale=scored.stale,
        replaced=scored.replaced,
        out=str(out),
    )


_ONE_LOOK = 1e9
"""Seconds between two looks at the newest hour: a file is scored by one and the same."""


def _served_now(
    registry: "Registry", store: "ArtifactStore", spec: str, walk_from_rows: int
) -> tuple["Served", list[str]]:
    """What a specifier means now, ready to score, and remarks on it."""
    from mlreg_dagster.models.artifacts import artifact
    from mlreg_dagster.models.artifacts.files import GRAPH, MODELS
    from mlreg_dagster.registry import AliasSuspended
    from mlreg_dagster.serving.following.follower import Served
    from mlreg_dagster.serving.scoring import model as scoring

    if (suspension := registry.suspended(datetime.now(UTC)).get(spec)) is not None:
        raise AliasSuspended(suspension, f"--model {suspension.version} scores by that version all the same.")
    version = registry.resolve(spec)
    event = registry.holder(spec, datetime.now(UTC)) if spec in registry.aliases() else None
    remarks = []
    if GRAPH in store.read(MODELS, version.version, version.artifact_sha256):
        model = scoring.load(store, version, walk_from_rows)
    else:
        loaded = artifact.load(store, version.version, version.artifact_sha256)
        model = _by_pipeline(loaded, version.artifact_sha256)
        remarks = [f"{version.version} has no graph: its pipeline scored, and no server can serve it.", *loaded.remarks]
    alias = None if event is None else event.alias
    sequence, since = (None, None) if event is None else (event.sequence, event.effective_at)
    return Served(spec, alias, sequence, since, model), remarks


def _by_pipeline(loaded: "Model", sha256: str) -> "ServedModel":
    """A version without a graph, which no server can score by."""
    import pandas as pd

    from mlreg_dagster.models.manifests import flagging_in, start_up_in
    from mlreg_dagster.serving.scoring.model import ServedModel

    class Pipeline:
        def score(self, X: "NDArray[np.float64]") -> "NDArray[np.float64]":
            return loaded.score(pd.DataFrame(X, columns=loaded.features))

    start = start_up_in(loaded.manifest)
    return ServedModel(
        version=str(loaded.manifest["version"]),
        sha256=sha256,
        features=tuple(loaded.features),
        manifest=loaded.manifest,
        policy=flagging_in(loaded.manifest),
        frozen_threshold=loaded.threshold,
        training_quantiles=start.quantiles if start else None,
        rows_an_hour=start.rows_an_hour if start else None,
        _scorer=cast("Scorer", Pipeline()),
    )


def _sentences(served: "Served", scored: "BatchSummary", out: Path) -> list[str]:
    version, threshold = served.model.version, scored.threshold
    replaced = ", which replaces the file that was there" if scored.replaced else ""
    found = [f"{version} scored {scored.rows:,} rows; {scored.anomalies:,} are anomalies: {out}{replaced}."]
    if threshold is not None:
        where = f"of {threshold.hour:%Y-%m-%d %H:%M} UTC" if threshold.hour else "of its training rows"
        found.append(f"Anomalies lie above {threshold.value:.6g}, the threshold {where} ({threshold.policy}).")
    if scored.in_sample:
        found.append(
            f"{scored.in_sample:,} rows are in-sample: their hours lie before {served.model.manifest['scores_from']}."
        )
    if scored.unknown_hours:
        found.append(f"{scored.unknown_hours:,} rows have no hour: whether they are in-sample is not known.")
    if scored.stale:
        found.append("The newest hour of features is older than it should be: mlreg doctor tells what is missing.")
    if not scored.is_checked:
        found.append("The rows do not say with which settings their features were computed (feature_settings).")
    return found
