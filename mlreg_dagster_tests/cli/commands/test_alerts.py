"""`mlreg alerts`."""

import json

from mlreg_dagster_tests.cli.test_json import keys_of
from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.registry.builders import raise_alert


def test_open_alerts_and_what_waits_are_listed(on_trained, registry):
    assert "No alert is open." in on_trained("alerts").out
    event = raise_alert(registry)
    shown = on_trained("alerts").out
    assert all(word in shown for word in (event.name, "ticket", "run_failed", "hourly", "It failed.", "anna"))
    assert "Messages to be delivered" in shown
    found = json.loads(on_trained("alerts", "--json", "--past", "3").out)
    assert set(found) == keys_of("alerts")
    for name in found:
        assert set(found[name][0]) == keys_of(name, "object")


def test_an_alert_is_acknowledged_by_a_person_with_a_reason(on_trained, registry):
    event = raise_alert(registry)
    found = json.loads(on_trained("alerts", "ack", event.name, "--reason", "I look into it", "--json").out)
    assert set(found) == keys_of("alerts ack")
    (alert,) = found["alerts"]
    assert (alert["state"], alert["actor"], alert["reason"]) == ("acknowledged", "anna", "I look into it")
    refused(on_trained("alerts", "ack", event.name, "--reason", "me too"), "was acknowledged by anna")
    refused(on_trained("alerts", "ack", "nope", "--reason", "I look into it"), "No open alert begins with 'nope'")
    refused(on_trained("alerts", "ack", event.name, "--reason", " "), "reason")
