"""Incidents: kept, numbered, audited and never changed, on both databases."""

from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import IncidentConflict, InvalidRecord, Registry
from mlreg_dagster_tests.registry.builders import NOW, START, add_to_incident, open_incident, raise_alert

HOUR = pd.Timedelta(hours=1)


def test_an_incident_goes_from_its_opening_to_its_review_and_is_audited(registry):
    opened = open_incident(registry, detected=START + HOUR, facts={"versions": ["v1"]})
    note = add_to_incident(registry, severity="ticket", facts={"versions": ["v2", "v1"], "hours": ["h"]})
    assert [each.is_open for each in registry.incidents()] == [True]
    over = add_to_incident(registry, "resolved", occurred_at=START + 2 * HOUR, expected=2)
    reviewed = add_to_incident(registry, "reviewed", facts={"report": {"name": "r.md"}})
    late = add_to_incident(registry, owner="carla")
    (found,) = registry.incidents()
    assert found == registry.incident(1)
    assert found.events == (opened, note, over, reviewed, late)
    assert [each.sequence for each in found.events] == [1, 2, 3, 4, 5]
    assert (found.state, found.is_open, found.began, found.detected_at) == ("reviewed", False, START, START + HOUR)
    assert (found.newest.severity, found.newest.owner, found.newest.title) == ("ticket", "carla", "Odd flags")
    assert (note.severity, opened.severity) == ("ticket", "page")
    assert found.resolved == over
    assert found.links("versions") == ("v1", "v2")
    assert found.links("alerts") == ()
    assert [link.kind for link in registry.audit_log()][-5:] == ["incident_events"] * 5
    assert registry.find_tampering() is None


def test_incidents_are_numbered_and_do_not_mix(registry):
    assert [open_incident(registry).incident for _ in range(3)] == [1, 2, 3]
    add_to_incident(registry, "resolved", number=2)
    assert [each.is_open for each in registry.incidents()] == [True, False, True]


@pytest.mark.parametrize(
    ("event", "changes", "why"),
    [
        ("resolved", {"expected": 1}, "Nothing was added to incident 1: event 2, noted by anna"),
        ("reviewed", {}, "goes on; resolve it"),
    ],
)
def test_what_comes_too_late_or_too_early_changes_nothing(registry, event, changes, why):
    open_incident(registry)
    add_to_incident(registry)
    with pytest.raises(IncidentConflict, match=why):
        add_to_incident(registry, event, **changes)
    assert len(registry.incident(1).events) == 2


def test_it_is_over_once(registry):
    open_incident(registry)
    add_to_incident(registry, "resolved")
    with pytest.raises(IncidentConflict, match="over already: event 2, resolved by anna"):
        add_to_incident(registry, "resolved", reason="again")


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda registry: open_incident(registry, detected=START - HOUR), "in this order"),
        (lambda registry: open_incident(registry, detected=NOW + HOUR), "in this order"),
        (lambda registry: open_incident(registry, severity="panic"), "info, ticket, page, not 'panic'"),
        (lambda registry: open_incident(registry, owner=" "), "owner must not be blank"),
        (lambda registry: open_incident(registry, title=None), "title must not be blank"),
        (lambda registry: open_incident(registry, actor="nobody"), "reserved"),
        (lambda registry: add_to_incident(registry, number=7), "no incident 7"),
        (lambda registry: add_to_incident(registry, occurred_at=START - HOUR), "between its begin"),
        (lambda registry: add_to_incident(registry, occurred_at=NOW + HOUR), "between its begin"),
        (lambda registry: add_to_incident(registry, "opened"), "open already"),
        (lambda registry: add_to_incident(registry, reason=" "), "reason"),
    ],
)
def test_what_can_not_be_recorded_is_refused(registry, call, why):
    open_incident(registry)
    with pytest.raises(InvalidRecord, match=why):
        call(registry)
    assert [len(each.events) for each in registry.incidents()] == [1]


def test_a_run_that_is_tried_again_finds_its_own(registry):
    assert open_incident(registry, run="run-1") == open_incident(registry, run="run-1", time=NOW + HOUR)
    first = add_to_incident(registry, "resolved", run="run-2", expected=1)
    assert add_to_incident(registry, "resolved", run="run-2", expected=1, time=NOW + HOUR) == first
    assert len(registry.incident(1).events) == 2


def test_of_many_that_end_it_at_once_one_does(registry, registry_url):
    open_incident(registry)

    def end(number):
        try:
            return add_to_incident(Registry(registry_url), "resolved", expected=1, reason=f"attempt {number}")
        except IncidentConflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        done = [each for each in pool.map(end, range(8)) if each]
    assert len(done) == 1
    assert registry.incident(1).events[1:] == tuple(done)


@pytest.mark.parametrize("statement", ["UPDATE incident_events SET title = 'Nothing'", "DELETE FROM incident_events"])
def test_it_can_not_be_changed_and_an_edit_past_the_triggers_is_found(registry, registry_url, statement):
    open_incident(registry)
    raise_alert(registry)
    engine = sa.create_engine(registry_url, poolclass=sa.NullPool)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    with engine.begin() as connection:
        names = ("no_update", "no_delete") if "sqlite" in registry_url else ("append_only",)
        for name in names:
            on = "" if "sqlite" in registry_url else " ON incident_events"
            connection.exec_driver_sql(f"DROP TRIGGER incident_events_{name}{on}")
        connection.exec_driver_sql(statement)
    assert "incident_events 1" in registry.find_tampering()
