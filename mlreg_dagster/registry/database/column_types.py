"""How values of the registry's records are kept in columns: aware times, gates and texts in their order."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, TypeDecorator

from mlreg_dagster.registry.names import as_utc
from mlreg_dagster.registry.records.models import GateResult


class UtcTime(TypeDecorator[datetime]):
    """Aware times in, UTC out; SQLite keeps no zone, so everything is stored in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else as_utc(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        if value is None:
            return None
        return as_utc(value.replace(tzinfo=UTC) if value.tzinfo is None else value)


class Gates(TypeDecorator[tuple[GateResult, ...]]):
    """The results of an evaluation's gates, in their order."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> list[dict[str, Any]]:  # noqa: ARG002, D102
        return [gate.kept for gate in value]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[GateResult, ...]:  # noqa: ARG002, D102
        return tuple(GateResult(**gate) for gate in value)


class Texts(TypeDecorator[tuple[str, ...]]):
    """Texts in their order; a column that a later schema added is null in older rows, which reads as no texts."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> list[str] | None:  # noqa: ARG002, D102
        return None if value is None else list(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...] | None:  # noqa: ARG002, D102
        return None if value is None else tuple(value)
