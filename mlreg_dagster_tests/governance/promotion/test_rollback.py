"""Where a rollback leads."""

import pandas as pd

from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import AlreadyHolder
from mlreg_dagster.registry.rules import left_by_rollbacks, rollback_target
from mlreg_dagster_tests.governance.promotion.builders import NOW


def test_a_rollback_never_leads_back_to_a_version_that_a_rollback_left(move, registry):
    hours = iter(NOW + pd.Timedelta(hours=number) for number in range(1, 9))
    for version in ("v1", "v2", "v3", "v2"):
        move(version, now=next(hours))
    assert left_by_rollbacks(registry.history(CHAMPION)) == {"v3"}
    assert rollback_target(registry.history(CHAMPION)) == "v1"
    move("v1", now=next(hours))
    assert rollback_target(registry.history(CHAMPION)) is None
    event = move("v3", now=next(hours))  # by the whole policy, as if it had never been champion
    assert event.evidence["rollback"] is None
    assert not event.evidence["facts"]["is_rollback"]
    assert left_by_rollbacks(registry.history(CHAMPION)) == {"v2"}


def test_rollback_is_a_promotion_of_an_older_version(refused, move, registry):
    move("v1")
    move("v2", now=NOW + pd.Timedelta(hours=1))
    refused(AlreadyHolder, "v2 holds champion already", version="v2", now=NOW + pd.Timedelta(hours=2))
    event = move("v1", now=NOW + pd.Timedelta(hours=2), reason="v2 cried wolf")
    assert (event.version, event.previous_version) == ("v1", "v2")
    assert [move.version for move in registry.history(CHAMPION)] == ["v1", "v2", "v1"]
    assert registry.holder(CHAMPION, NOW + pd.Timedelta(minutes=90)).version == "v2"
