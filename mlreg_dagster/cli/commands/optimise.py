"""`mlreg optimise`: what a version costs, and what smaller variants of it would cost and lose."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlreg_dagster.cli.arguments import Actor, Version, writing_to
from mlreg_dagster.cli.session import AsJson, console, open_registry, open_runner, progress_console, show

if TYPE_CHECKING:
    from mlreg_dagster.models.optimisation.report import OptimisationReport


def optimise(
    version: Version,
    report: Annotated[Path | None, typer.Option(help="Write it as one HTML file, too.")] = None,
    seconds: Annotated[float, typer.Option(min=0.001, max=600, help="Time for each measurement of time.")] = 2.0,
    register: Annotated[
        str | None,
        typer.Option(
            metavar="CHANGE",
            help="Make this variant a version of its own and evaluate it, in place of a report: half_trees, "
            "quarter_trees, float32 or quantised.",
        ),
    ] = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Report where a version's time and bytes go, and what smaller variants of it would lose.

    With --register it exits with 1 when the variant fails a gate.
    """
    if register is not None:
        _register(version, register, actor, as_json)
    from mlreg_dagster.cli.optimisation_tables import files_table, parts_table, variants_table

    made = _report(version, seconds, as_json)
    if report is not None:
        import pandas as pd

        from mlreg_dagster.evidence import optimisation_page

        with writing_to(report):
            report.parent.mkdir(parents=True, exist_ok=True)
            report.write_text(optimisation_page.render(made, pd.Timestamp.now(tz="UTC")), encoding="utf-8")
        progress_console.print(f"The report is in {report}.", markup=False, highlight=False)
    show(
        as_json,
        *made.sentences,
        version=made.version,
        detector=made.detector,
        scorer=made.scorer,
        variant=made.variant,
        files=files_table(made),
        parts=parts_table(made),
        holdout=made.holdout,
        holdout_rows=made.holdout_rows,
        rounds=made.rounds,
        average_precision=made.average_precision,
        confidence=made.confidence,
        variants=variants_table(made),
        sentences=made.sentences,
        status=None,
        evaluation=None,
    )


def _report(version: str, seconds: float, as_json: bool) -> "OptimisationReport":
    from mlreg_dagster.cli.progress import step_progress
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.config.places import artifacts_root
    from mlreg_dagster.datasets import freezing
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.models.evaluation.rounds import plant_anomalies
    from mlreg_dagster.models.optimisation.report import STEPS, report_on
    from mlreg_dagster.storage.artifacts import open_artifacts

    settings = load_settings()
    load_extensions(settings.extensions.modules)
    chosen, store = open_registry().resolve(version), open_artifacts(artifacts_root(home_dir()))
    training = freezing.load(store, freezing.TRAINING, chosen.dataset_day, chosen.dataset_sha256)
    holdout = freezing.load(store, freezing.HOLDOUT, chosen.dataset_day)
    compared = settings.evaluation.comparison
    with step_progress(progress_console if as_json else console, STEPS + 1) as advance:
        advance("planting anomalies", 1)
        rounds = plant_anomalies(holdout, settings.evaluation.injection, settings.features, settings.max_lookback_hours)
        steps = iter(range(2, STEPS + 2))
        return report_on(
            chosen,
            store,
            training,
            holdout,
            rounds,
            compared,
            seconds=seconds,
            note=lambda text: advance(text, next(steps)),
        )


def _register(version: str, change: str, actor: str | None, as_json: bool) -> None:
    from mlreg_dagster.cli.tables import gates_table
    from mlreg_dagster.models.manifests import VARIANT

    runner = open_runner()
    made = runner.make_variant(version, change, actor)
    registered, evaluation = runner.registry.version(made), runner.registry.evaluations(made)[-1]
    status, variant = runner.registry.status(made), registered.manifest[VARIANT]
    nothing = ("files", "parts", "holdout", "holdout_rows", "rounds", "average_precision", "confidence", "variants")
    show(
        as_json,
        f"{made} is {status}: {variant['change']} of {variant['of']}, artifact {registered.artifact_sha256[:12]}. "
        f"mlreg compare {made} {variant['of']} holds the two against each other.",
        version=made,
        detector=registered.detector,
        scorer=None,
        variant=dict(variant),
        **dict.fromkeys(nothing),
        sentences=[],
        status=status,
        evaluation=gates_table(evaluation),
    )
    raise typer.Exit(0 if evaluation.passed else 1)
