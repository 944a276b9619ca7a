"""What was decided about drift: it is kept, audited and never changed, on both databases."""

import pandas as pd
import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import InvalidRecord, Registry
from mlreg_dagster_tests.registry.builders import NOW, decide_on_drift

LATER = NOW + pd.Timedelta(hours=1)
MOVED = {"version": "v1", "frozen": 0.5, "threshold": 0.55, "until": "2026-02-15T00:00:00+00:00"}


def test_decisions_are_kept_in_their_order_and_audited(registry):
    first = decide_on_drift(registry)
    second = decide_on_drift(
        registry,
        state="confirmed",
        action="adapt_threshold",
        threshold=MOVED,
        leave_out=("2026-01-30",),
        effective_at=LATER,
        time=LATER,
    )
    assert registry.drift_decisions() == [first, second]
    assert (second.threshold, second.leave_out, second.effective_at) == (MOVED, ("2026-01-30",), LATER)
    assert (first.threshold, first.facts) == (None, {"fast": True, "peak": 6.5})
    assert [link.kind for link in registry.audit_log()][-2:] == ["drift_decisions"] * 2
    assert registry.find_tampering() is None


def test_a_run_that_is_tried_again_finds_its_own(registry):
    assert decide_on_drift(registry, run="run-7") == decide_on_drift(registry, run="run-7", time=LATER)
    assert len(registry.drift_decisions()) == 1


def test_what_can_not_be_recorded_is_refused_as_a_whole(registry):
    with pytest.raises(InvalidRecord):
        decide_on_drift(registry, actor="nobody")
    assert registry.drift_decisions() == []


@pytest.mark.parametrize("statement", ["UPDATE drift_decisions SET state = 'stable'", "DELETE FROM drift_decisions"])
def test_it_can_not_be_changed_and_an_edit_past_the_triggers_is_found(registry, registry_url, statement):
    decide_on_drift(registry)
    engine = sa.create_engine(registry_url, poolclass=sa.NullPool)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    with engine.begin() as connection:
        names = ("no_update", "no_delete") if "sqlite" in registry_url else ("append_only",)
        for name in names:
            where = "" if "sqlite" in registry_url else " ON drift_decisions"
            connection.exec_driver_sql(f"DROP TRIGGER drift_decisions_{name}{where}")
        connection.exec_driver_sql(statement)
    assert "drift_decisions 1" in Registry(registry_url).find_tampering()
