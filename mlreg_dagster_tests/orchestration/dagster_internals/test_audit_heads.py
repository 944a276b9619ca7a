"""What runs reported of the audit log, read without Dagster: the same as Dagster tells, or left to Dagster."""

import sqlite3
from contextlib import closing

import dagster as dg
import pytest

from mlreg_dagster.orchestration.dagster_internals import dagster_files
from mlreg_dagster.orchestration.dagster_internals.audit_heads import recorded_heads
from mlreg_dagster.orchestration.instance.audit_anchors import heads_on_record, witnessed_heads
from mlreg_dagster.registry.witness import AUDIT_HEAD

HEADS = {(4, "a" * 64), (6, "b" * 64), (9, "c" * 64)}


@pytest.fixture
def instance(dagster_home):  # noqa: ARG001 - it makes the home
    """An instance whose runs have reported HEADS, beside events that report none."""

    def metadata(head):
        return {"champion": "v1", AUDIT_HEAD: f"{head[0]}:{head[1]}", "picture": dg.MarkdownMetadataValue("![](é)")}

    first, second, third = sorted(HEADS)
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("champion_model", metadata=metadata(first)))
        instance.report_runless_asset_event(
            dg.AssetMaterialization("evaluated_model", partition="v1", metadata=metadata(second))
        )
        instance.report_runless_asset_event(dg.AssetObservation("delivery_bundle", metadata=metadata(third)))
        instance.report_runless_asset_event(dg.AssetMaterialization("candidate_model", metadata={"other": "1:2"}))
        instance.report_runless_asset_event(dg.AssetMaterialization("predictions", metadata=metadata((99, "d"))))
        yield instance


def test_they_are_those_that_dagster_tells(instance, dagster_home):
    assert recorded_heads(dagster_home) == witnessed_heads(instance) == heads_on_record() == HEADS


def test_before_any_run_there_are_none(dagster_home):
    assert recorded_heads(dagster_home) == set()


def test_reading_makes_no_file(tmp_path):
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert recorded_heads(tmp_path) == set()
    assert [path.name for path in tmp_path.iterdir()] == ["dagster.yaml"]


@pytest.mark.parametrize(
    "config",
    [
        "storage: {postgres: {postgres_url: postgresql://nowhere/none}}",
        "storage: {sqlite: {base_dir: /elsewhere}}",
        "storage: {custom: {module: mine, class: Mine, config: {base_dir: {env: DAGSTER_HOME}}}}",
        "event_log_storage: {module: mine, class: Mine}",
        "storage: [",
        "- a list",
    ],
)
def test_another_storage_is_left_to_dagster(instance, dagster_home, config):
    del instance
    (dagster_home / "dagster.yaml").write_text(config)
    assert recorded_heads(dagster_home) is None


def test_another_release_is_left_to_dagster(instance, dagster_home, monkeypatch):
    del instance
    monkeypatch.setattr(dagster_files, "version", lambda _: "1.14.0")
    assert recorded_heads(dagster_home) is None


def test_wiped_assets_are_left_to_dagster(instance, dagster_home):
    instance.wipe_assets([dg.AssetKey("champion_model")])
    assert recorded_heads(dagster_home) is None
    assert heads_on_record() == HEADS - {min(HEADS)}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE alembic_version SET version_num = 'later'",
        "DROP TABLE asset_keys",
        "UPDATE event_logs SET event = replace(event, 'metadata_entries', 'entries')",
        f"UPDATE event_logs SET event = substr(event, 1, instr(event, '{AUDIT_HEAD}') + 20)",
        "UPDATE event_logs SET event = replace(event, '4:', 'four:')",
    ],
)
def test_another_schema_or_spelling_is_left_to_dagster(instance, dagster_home, damage):
    del instance
    with closing(sqlite3.connect(dagster_home / "history" / "runs" / "index.db")) as connection, connection:
        connection.execute(damage)
    assert recorded_heads(dagster_home) is None
