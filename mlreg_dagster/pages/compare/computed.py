"""What takes seconds of a comparison: scoring a holdout with both, and the bootstrap over outcomes of both."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mlreg_dagster.core.json_values import plain
from mlreg_dagster.core.times import day_key
from mlreg_dagster.datasets.lineage import HOLDOUT
from mlreg_dagster.pages.background import BACKGROUND, Result
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.source import Source, known_state, records
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.artifacts import Artifact

if TYPE_CHECKING:
    from mlreg_dagster.governance.head_to_head import OnRecord
    from mlreg_dagster.models.evaluation.comparison import Comparison

_WAIT_S = 0.05


@dataclass(frozen=True)
class Computed:
    """Something that is computed in the background.

    Attributes:
        state: Whether it is `ready`, `computing`, waits for others (`busy`) or `failed`; `nothing`: there is nothing to
            compute.
        problem: Why it failed, or why there is nothing.
        result: As `mlreg compare --json` prints it, where it is ready.
        seconds: How long it took.
    """

    state: str
    problem: str | None = None
    result: Any = None
    seconds: float | None = None


@dataclass(frozen=True)
class HoldoutFacts:
    """The holdout that two versions are compared on; None: none is frozen.

    Attributes:
        day: Its day.
        sha256: Its hash.
        days: All days that could be chosen, the newest first.
    """

    day: str | None
    sha256: str | None
    days: tuple[str, ...]


def holdout_of(view: View) -> tuple[Artifact | None, HoldoutFacts]:
    """The holdout that the query names, or the newest one of then.

    Raises:
        NotThere: It names a day without one.
    """
    until = day_key(view.as_of - timedelta(days=1)) if view.is_past else None
    days = tuple(reversed([day for day in view.artifacts.keys(HOLDOUT) if until is None or day <= until]))
    asked = view.query.get("holdout") or None
    if asked is not None and asked not in days:
        raise NotThere(f"No holdout of {asked[:20]!r} is frozen{' by then' if until else ''}. Days: {', '.join(days)}.")
    if not days:
        return None, HoldoutFacts(None, None, ())
    found = view.artifacts.find(HOLDOUT, asked or days[0])
    return found, HoldoutFacts(asked or days[0], found.sha256 if found else None, days)


def on_holdout(left: ModelVersion, right: ModelVersion, holdout: Artifact | None, view: View) -> Computed:
    """Both on the holdout; kept by everything that it depends on.

    Args:
        left: One of them.
        right: The other one.
        holdout: Which; None: there is none.
        view: What is asked about.
    """
    if holdout is None:
        return Computed("nothing", "No holdout is frozen. Materialize eval_holdout for a day.")
    registry, settings = records(view), view.settings
    latest = [registry.latest_evaluation(each.version) for each in (left, right)]
    key = (
        "on_holdout",
        view.home,
        *((each.version, each.artifact_sha256) for each in (left, right)),
        holdout.sha256,
        *(each.id if each else None for each in latest),
        settings.evaluation.model_dump_json(),
        settings.features.model_dump_json(),
    )
    return _computed(BACKGROUND.result(key, score_holdout, left, right, holdout, Source.of(view), wait_s=_WAIT_S))


def on_record(left: str, right: str, view: View) -> Computed:
    """What attempts, outcomes and worth say of both."""
    key = ("on_record", left, right, *known_state(view))
    return _computed(BACKGROUND.result(key, read_record, left, right, Source.of(view), wait_s=_WAIT_S))


def score_holdout(left: ModelVersion, right: ModelVersion, holdout: Artifact, source: Source) -> "Comparison":
    """As `scoring.score_holdout`, whose libraries are loaded where it is computed alone."""
    from mlreg_dagster.pages.compare import scoring

    return scoring.score_holdout(left, right, holdout, source)


def read_record(left: str, right: str, source: Source) -> "OnRecord":
    """As `scoring.read_record`."""
    from mlreg_dagster.pages.compare import scoring

    return scoring.read_record(left, right, source)


def _computed(made: Result[Any]) -> Computed:
    result = plain(asdict(made.value)) if made.value is not None else None
    return Computed(made.state, made.problem, result, made.seconds)
