"""`mlreg metrics`."""

import json

from prometheus_client.parser import text_string_to_metric_families

from mlreg_dagster.monitoring.metrics.declared import METRICS, MOST_SERIES
from mlreg_dagster_tests.commands import refused


def numbers_in(text: str) -> dict:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_numbers_of_a_home_are_written_and_change_nothing(on_live, registry, tmp_path, own_home):
    before = registry.audit_head()
    target = tmp_path / "mlreg.prom"
    facts = json.loads(on_live("metrics", "--textfile", str(target), "--json").out)
    found = numbers_in(target.read_text())
    assert facts["series"] == len(found) < MOST_SERIES
    assert set(facts["metrics"]) == {name for name, *_ in found} <= set(METRICS)
    unreadable = {part for (name, *part), value in found.items() if name == "mlreg_part_unreadable" and value}
    assert unreadable == set()
    assert found["mlreg_versions", "evaluated"] == 2
    holders = [key for key in found if key[0] == "mlreg_champion_info"]
    assert [set(key[1:]) >= {"champion", "v2"} for key in holders] == [True]
    assert 0 < found["mlreg_flagged_ratio",] < 1
    assert registry.audit_head() == before
    assert not list(own_home.glob("*.draft"))


def test_they_are_printed_without_an_option(on_trained):
    found = numbers_in(on_trained("metrics").out)
    assert found["mlreg_versions", "rejected"] == 1


def test_a_home_that_is_not_there_is_said_to_be_unreadable_and_is_not_made(mlreg, own_home):
    found = numbers_in(mlreg("metrics").out)
    assert found["mlreg_part_unreadable", "registry"] == 1
    assert found["mlreg_part_unreadable", "disk"] == 1
    assert not (own_home / "registry.sqlite").exists()


def test_what_can_not_be_meant(on_trained, tmp_path):
    refused(on_trained("metrics", "--serve", "--textfile", "x.prom"), "Choose one of --textfile and --serve.")
    refused(on_trained("metrics", "--textfile", str(tmp_path / "no" / "x.prom")), "x.prom can't be written")
