"""How alerts stand, from what is true at each look."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlreg_dagster.config import ConfigError, NotificationSettings
from mlreg_dagster.monitoring.alerts.lifecycle import acknowledge, due_changes
from mlreg_dagster.monitoring.alerts.rules import RULES, Alert, fingerprint, require_known_rules
from mlreg_dagster.registry import AlertEvent, Attribution, InvalidRecord, OpenAlert, Registry
from mlreg_dagster_tests.monitoring.alerts.builders import HOUR, NOW, ROUTING, alert, look

DAY = timedelta(days=1)


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(f"sqlite:///{tmp_path}/registry.db")


def outbox(registry: Registry) -> list[tuple[str, str]]:
    return [(each.channel, each.event.event) for each in registry.undelivered_messages()]


def ack(registry: Registry, name: str, now=NOW):
    (event,) = registry.record_alerts(
        lambda recorded: [acknowledge(name, recorded, ROUTING, "I look into it")],
        Attribution("anna", now, "I look into it"),
    )
    return event


def test_one_message_at_the_beginning_and_one_at_the_end(registry):
    for hours in range(5):
        look(registry, alert(), now=NOW + hours * HOUR)
    look(registry, now=NOW + 6 * HOUR)
    look(registry, now=NOW + 7 * HOUR)
    assert [each.event for each in registry.alert_events()] == ["firing", "resolved"]
    assert outbox(registry) == [("chat", "firing"), ("chat", "resolved")]
    assert registry.open_alerts() == []


def test_rules_that_could_not_be_looked_at_leave_their_alerts_as_they_are(registry):
    look(registry, alert())
    assert look(registry, examined=("disk_low",)) == []
    assert len(registry.open_alerts()) == 1


def test_an_alert_without_an_onset_is_the_same_as_long_as_it_lasts(registry):
    (first,) = look(registry, alert("run_failed", "hourly", None))
    assert first.onset == NOW
    assert look(registry, alert("run_failed", "hourly", None), now=NOW + HOUR) == []
    look(registry, now=NOW + 2 * HOUR)
    (again,) = look(registry, alert("run_failed", "hourly", None), now=NOW + 3 * HOUR)
    assert again.fingerprint != first.fingerprint


def test_another_onset_is_another_alert(registry):
    look(registry, alert())
    events = look(registry, alert(onset=NOW + DAY), now=NOW + DAY)
    assert {(each.event, each.onset) for each in events} == {("firing", NOW + DAY), ("resolved", NOW)}


def test_a_reminder_goes_out_until_somebody_acknowledges(registry):
    (event,) = look(registry, alert())
    reminded = [
        bool(look(registry, alert(), now=NOW + hours * HOUR, reminder=24 * HOUR)) for hours in (23, 24, 25, 47, 48)
    ]
    assert reminded == [False, True, False, False, True]
    assert ack(registry, event.name, NOW + 49 * HOUR).state == "acknowledged"
    assert look(registry, alert(), now=NOW + 200 * HOUR, reminder=24 * HOUR) == []
    look(registry, now=NOW + 201 * HOUR)
    assert [kind for _, kind in outbox(registry)] == ["firing", "reminded", "reminded", "resolved"]


def test_a_higher_severity_is_told_also_of_an_acknowledged_alert_and_a_lower_one_is_not(registry):
    (event,) = look(registry, alert())
    ack(registry, event.name)
    (escalated,) = look(registry, alert(severity="page"), now=NOW + HOUR)
    assert (escalated.event, escalated.severity, escalated.state) == ("escalated", "page", "firing")
    assert look(registry, alert(), now=NOW + 2 * HOUR) == []
    look(registry, now=NOW + 3 * HOUR)
    assert outbox(registry) == [
        ("chat", "firing"), ("chat", "escalated"), ("pager", "escalated"), ("chat", "resolved"), ("pager", "resolved"),
    ]  # fmt: skip


def test_only_channels_that_keep_a_state_are_told_of_an_acknowledgement(registry):
    (event,) = look(registry, alert(severity="page"))
    ack(registry, event.name[:4])
    assert outbox(registry) == [("chat", "firing"), ("pager", "firing"), ("pager", "acknowledged")]


@pytest.mark.parametrize(("name", "says"), [("zz", "No open alert"), ("", "No open alert"), ("v1\n", "No open alert")])
def test_an_unknown_alert_can_not_be_acknowledged(registry, name, says):
    (event,) = look(registry, alert())
    with pytest.raises(InvalidRecord, match=f"{says}.*{event.name}.*mlreg alerts"):
        ack(registry, name)


def test_an_alert_is_acknowledged_once(registry):
    (event,) = look(registry, alert())
    ack(registry, event.name)
    with pytest.raises(InvalidRecord, match="was acknowledged by anna"):
        ack(registry, event.name)


def test_who_acts_and_who_is_told(registry):
    events = look(registry, alert(owner="risk"), alert("disk_low", "home", None), alert("champion_old", "v1"))
    assert [each.owner for each in events] == ["risk", "operations", "team:mlreg"]
    assert outbox(registry) == [
        ("chat", "firing"), ("risk", "firing"), ("chat", "firing"), ("pager", "firing"),
    ]  # fmt: skip


def test_the_same_alert_twice_in_a_look_is_one_of_the_higher_severity(registry):
    (event,) = look(registry, alert(), alert(severity="page"), alert(severity="info"))
    assert event.severity == "page"


def test_a_long_message_is_shortened_and_holds_no_line_ends(registry):
    (event,) = look(registry, alert(message="a\nb" * 1000))
    assert len(event.message) == 1000
    assert "\n" not in event.message


def test_a_fingerprint_depends_on_rule_subject_and_onset():
    one = fingerprint("a", "b", NOW)
    assert one == fingerprint("a", "b", NOW)
    assert len({one, fingerprint("a", "c", NOW), fingerprint("b", "b", NOW), fingerprint("a", "b", NOW + HOUR)}) == 4


def test_owners_of_rules_that_there_are_not_are_refused():
    require_known_rules(NotificationSettings(owners=dict.fromkeys(RULES, "anna")))
    with pytest.raises(
        ConfigError, match=r"notifications.yaml: owners: there is no rule run_faled; rules are run_failed"
    ):
        require_known_rules(NotificationSettings(owners={"run_faled": "anna"}))


SUBJECTS = ("a", "b", "c")


class Records:
    """What the registry does with changes, in memory."""

    def __init__(self) -> None:
        self.events: list[AlertEvent] = []
        self.told: list[tuple[str, str, str]] = []

    def open(self) -> list[OpenAlert]:
        newest = {each.fingerprint: each for each in self.events}
        return [OpenAlert(each, frozenset({"chat"})) for each in newest.values() if each.event != "resolved"]

    def look(self, alerts: list[Alert], now: datetime) -> None:
        for change in list(due_changes(alerts, RULES, self.open(), ROUTING, now, None)):
            values = {name: value for name, value in vars(change).items() if name not in {"channels", "reason"}}
            number = len(self.events) + 1
            self.events.append(
                AlertEvent(id=number, sequence=number, actor="a", reason="r", recorded_at=now, run_id=None, **values)
            )
            self.told += [(channel, change.subject, change.event) for channel in change.channels]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sets(st.sampled_from(SUBJECTS)), max_size=12))
def test_beginnings_and_ends_alternate_whatever_happens(looks):
    records = Records()
    for hours, true_now in enumerate(looks):
        alerts = [Alert("run_failed", subject, None, "It failed.") for subject in sorted(true_now)]
        records.look(alerts, NOW + hours * HOUR)
        assert {each.event.subject for each in records.open()} == true_now
    for subject in SUBJECTS:
        states = [subject in each for each in looks]
        begun = sum(now and not before for now, before in zip(states, [False, *states], strict=False))
        kinds = [each.event for each in records.events if each.subject == subject]
        assert kinds == (["firing", "resolved"] * len(kinds))[: len(kinds)]
        assert kinds.count("firing") == begun
    assert len(records.told) == len(records.events)
