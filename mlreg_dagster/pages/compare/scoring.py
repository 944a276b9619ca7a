"""Scores and reads two versions for their page as `mlreg compare` does, in the process that computes."""

from mlreg_dagster.extensions.registration.loading import load_extensions
from mlreg_dagster.governance.head_to_head import OnRecord, compare_on_holdout, compare_on_record
from mlreg_dagster.models.evaluation.comparison import Comparison
from mlreg_dagster.pages.source import Source
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.artifacts import Artifact


def score_holdout(left: ModelVersion, right: ModelVersion, holdout: Artifact, source: Source) -> Comparison:
    """Both on a holdout."""
    load_extensions(source.settings.extensions.modules)
    return compare_on_holdout(left, right, holdout, source.registry(), source.artifacts(), source.settings)


def read_record(left: str, right: str, source: Source) -> OnRecord:
    """What is on record of both."""
    return source.read(lambda tables: compare_on_record(left, right, source.registry(), tables, source.settings))
