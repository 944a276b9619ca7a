"""What waits for people, as of the time of a page: the policy's answers, on the outcomes of the mirror."""

from collections.abc import Callable

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.evidence.state import HomeState
from mlreg_dagster.governance.policy.in_force import rules_as_of, rules_of
from mlreg_dagster.governance.policy.judgement import WorthFound
from mlreg_dagster.governance.waiting import WaitingVersion, waiting_versions
from mlreg_dagster.outcomes.names import PERFORMANCE_TABLE
from mlreg_dagster.pages.view import View
from mlreg_dagster.storage.warehouse.reader import moment


def waiting_of(view: View, state: HomeState) -> tuple[tuple[WaitingVersion, ...], str | None]:
    """The versions that wait, and why that is not known where it is not."""
    try:
        rules = rules_as_of(view.registry, rules_of(view.settings), view.as_of)
        found = waiting_versions(
            view.registry,
            state.standings,
            rules,
            matured_outcomes=_matured_outcomes(view),
            worth=lambda version: _worth(state, version),
        )
    except MlregError as error:
        return (), str(error)
    return tuple(found), None


def _matured_outcomes(view: View) -> Callable[[str], int]:
    def counted(version: str) -> int:
        if not view.tables.has(PERFORMANCE_TABLE, ("day", "model_version", "resolved")):
            return 0
        known = f" AND day + INTERVAL 24 HOUR <= {moment(view.as_of)}" if view.is_past else ""
        ((resolved,),) = view.tables.rows(
            f"SELECT coalesce(sum(resolved), 0)::BIGINT FROM {PERFORMANCE_TABLE} "  # noqa: S608 - a checked name
            f"WHERE model_version = '{version}'{known}"
        )
        return int(resolved)

    return counted


def _worth(state: HomeState, version: str) -> tuple[WorthFound, ...]:
    """Against the best simple ranking; what it is worth against the champion is asked when it is promoted."""
    return tuple(
        WorthFound(str(row["opponent"]), row["worth"], str(row["sentence"]))
        for row in state.worth
        if row["model_version"] == version and row["worth"] is not None
    )
