"""The table of docs/how-to/people.md: every record is in it, once, and the days are those of retention.yaml."""

import re

import yaml

from mlreg_dagster.config.sections.retention import RetentionSettings
from mlreg_dagster.core.names import ASSETS
from mlreg_dagster.registry.database.schema import metadata
from mlreg_dagster_tests.repository import PROJECT_DIR

_PAGE = (PROJECT_DIR / "docs" / "how-to" / "people.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in _PAGE.partition("| record | kept |")[2].splitlines()[2:]
    if line.startswith("|")
]


def test_every_table_of_the_registry_and_every_asset_stands_in_one_row():
    named = [name for record, *_ in ROWS for name in re.findall(r"`([a-z_]+)`", record)]
    landed = ["market_snapshot"]  # its rows, and the payloads that they are made from
    assert sorted(named) == sorted([*metadata.tables, *ASSETS, *landed])


def test_every_setting_of_retention_stands_in_one_row_with_its_default():
    defaults = {name: value for name, value in RetentionSettings().model_dump().items() if name.endswith("_days")}
    shown = {
        setting: None if kept.startswith("for ever") else int(kept.split()[0])
        for _, kept, *_ in ROWS
        for setting in re.findall(r"`([a-z_]+_days)`", kept)
    }
    assert shown == defaults
    shipped = yaml.safe_load((PROJECT_DIR / "configs" / "retention.yaml").read_text(encoding="utf-8"))
    assert {name: shipped[name] for name in defaults} == defaults


def test_what_has_a_number_of_days_is_removed_by_prune_and_what_is_kept_for_ever_by_nothing():
    for record, kept, _, removed in ROWS:
        assert ("_days`" in kept) == (removed == "`mlreg prune`"), record


def test_names_are_in_the_directory_alone_and_in_what_was_written_before_it():
    for record, _, personal, _ in ROWS:
        if "name" in personal and "key" not in personal and record != "`people`":
            assert personal == "id; the name where it was written before", record
