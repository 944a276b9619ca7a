"""The newest verdicts of model_worth, for those that must answer at once: no pandas here."""

from datetime import datetime
from typing import Any

from mlreg_dagster.outcomes.names import WORTH_TABLE
from mlreg_dagster.storage.warehouse.reader import Tables, moment

_MEASURES = ("precision", "recall", "average_precision")
_SHOWN = (
    "model_version",
    "opponent",
    "worth",
    "verdict",
    "weeks",
    "independent_episodes",
    *(
        f"{prefix}{name}{suffix}"
        for name in _MEASURES
        for prefix, suffix in (
            ("", ""),
            ("opponent_", ""),
            ("", "_difference"),
            ("", "_difference_low"),
            ("", "_difference_high"),
        )
    ),
    "detectable",
    "sentence",
)


def newest_worth(tables: Tables, until: datetime | None = None) -> list[dict[str, Any]]:
    """The newest verdict on each version against the best simple ranking, that on the champions first.

    Args:
        tables: Where model_worth is.
        until: What days say that ended later does not count; None: all do.

    Returns:
        A row for each version that a verdict was asked on: its worth, the best ranking, and `as_of`, the day at whose
        end it was asked, as text. What is undefined is None.

    Raises:
        UnknownColumns: Another release wrote the table.
    """
    if not tables.has(WORTH_TABLE, ("day", "is_best", *_SHOWN)):
        return []
    known = "" if until is None else f"AND day + INTERVAL 24 HOUR <= {moment(until)} "
    rows = tables.rows(
        f"SELECT strftime(day AT TIME ZONE 'UTC', '%Y-%m-%d'), {', '.join(_SHOWN)} FROM {WORTH_TABLE} "  # noqa: S608
        f"WHERE is_best AND verdict IS NOT NULL {known}"
        f"QUALIFY row_number() OVER (PARTITION BY model_version ORDER BY day DESC) = 1 "
        f"ORDER BY model_version <> 'champion', length(model_version), model_version"
    )
    return [dict(zip(("as_of", *_SHOWN), row, strict=True)) for row in rows]
