"""Names follow the registry; whatever breaks, the last good model answers on, and what is wrong is told."""

import gc
import os
import shutil
import sqlite3
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.serving.following import follower as following_module
from mlreg_dagster.serving.following import versions as versions_module
from mlreg_dagster.serving.following import watch as watch_module
from mlreg_dagster.serving.following.follower import NotLoaded, UnknownName
from mlreg_dagster.storage.artifacts import LocalArtifactStore
from mlreg_dagster_tests.registry.builders import NOW, evaluate, move, register
from mlreg_dagster_tests.registry.test_audit import sql_past
from mlreg_dagster_tests.serving.running import LONG
from mlreg_dagster_tests.waiting import wait_for


def file_of(deployment) -> Path:
    if not deployment.url.startswith("sqlite"):
        pytest.skip("what happens to a file")
    return Path(deployment.url.removeprefix("sqlite:///"))


def test_an_alias_is_followed_and_a_request_keeps_what_it_took(deployment, following):
    deployment.promote("v1")
    follower = following()
    before = follower.get("champion")
    assert (before.name, before.alias, before.sequence, before.model.version) == ("champion", "champion", 1, "v1")
    assert before.effective_at == deployment.registry.holder("champion").effective_at
    knowledge = follower.knowledge()
    assert knowledge.ready
    assert (knowledge.problem, dict(knowledge.not_taken)) == (None, {})
    deployment.promote("v2")
    follower.look()
    after = follower.get("champion")
    assert (after.sequence, after.model.version) == (2, "v2")
    assert before.model.version == "v1"
    X = np.zeros((20, len(before.model.features)))
    assert (before.model.score(X) != after.model.score(X)).all()
    assert follower.knowledge().checked_at >= knowledge.checked_at


def test_aliases_are_followed_apart_and_share_a_model(deployment, following):
    deployment.promote("v1")
    follower = following()
    with pytest.raises(NotLoaded, match="No version holds challenger yet"):
        follower.get("challenger")
    deployment.promote("v1", "challenger")
    follower.look()
    assert follower.get("challenger").model is follower.get("champion").model
    deployment.promote("v2", "challenger")
    follower.look()
    assert [each.model.version for each in follower.names()] == ["v1", "v2"]
    assert follower.get("v2").model is follower.get("challenger").model
    assert (follower.get("v2").name, follower.get("v2").alias, follower.get("v2").sequence) == ("v2", None, None)


def test_a_registry_without_champion_is_not_ready_until_there_is_one(deployment, following):
    follower = following()
    assert not follower.knowledge().ready
    with pytest.raises(NotLoaded, match="No version holds champion yet"):
        follower.get("champion")
    deployment.promote("v3")
    follower.look()
    assert follower.knowledge().ready
    assert follower.get("champion").model.version == "v3"


def test_a_move_that_is_taken_back_is_followed_back(deployment, following):
    deployment.promote("v1")
    move(deployment.registry, "v2", "v1", time=NOW + pd.Timedelta(hours=1))
    follower = following()
    assert follower.get("champion").sequence == 2
    deployment.registry.take_back("champion", 2, Attribution("bob", NOW, "the clock was ahead"))
    follower.look()
    assert (follower.get("champion").sequence, follower.get("champion").model.version) == (1, "v1")


def test_a_version_is_not_unknown_before_the_registry_was_read(deployment):
    follower = deployment.follow()
    with pytest.raises(NotLoaded, match="The registry was not read yet, so v1 is not known"):
        follower.get("v1")
    with pytest.raises(UnknownName):
        follower.get("nothing")
    follower.look()
    with pytest.raises(UnknownName):
        follower.get("v9")
    follower.stop()


def test_names_that_mean_nothing_are_refused_without_a_look_at_the_registry(deployment, following):
    deployment.promote("v1")
    deployment.promote("v2", "other")
    follower = following()
    for name in ("v9", "v0", "nothing", "", "../v1", "latest", "\x00", "v" * 10_000):
        with pytest.raises(
            UnknownName, match=r"Aliases: champion, challenger\. Newest versions: v1, v2, v3\."
        ) as raised:
            follower.get(name)
        assert len(str(raised.value)) < 600
    with pytest.raises(UnknownName, match="other is an alias, but not one that is served"):
        follower.get("other")


def loaded(follower, name):
    def is_there():
        try:
            return follower.get(name)
        except NotLoaded:
            return None

    return wait_for(is_there)


def test_versions_that_are_asked_for_are_loaded_beside_and_the_oldest_forgotten(deployment, following):
    deployment.promote("v1")
    follower = following(versions_kept=1)
    with pytest.raises(NotLoaded, match="v2 is being loaded"):
        follower.get("v2")
    second = loaded(follower, "v2")
    assert (second.name, second.alias, second.model.version) == ("v2", None, "v2")
    assert loaded(follower, "v3").model.version == "v3"
    assert [each.name for each in follower.names()] == ["champion", "v3"]
    deployment.promote("v3")
    held = follower.get("v3").model
    follower.look()
    assert follower.get("champion").model is held
    with pytest.raises(NotLoaded):
        follower.get("v2")


def test_a_version_that_cannot_be_loaded_says_why_and_is_tried_again(deployment, following, monkeypatch):
    deployment.promote("v1")
    follower = following()
    graph = deployment.bundle("v2") / "model.onnx"
    content = graph.read_bytes()
    graph.write_bytes(content[:-1])

    def why():
        try:
            follower.get("v2")
        except NotLoaded as error:
            return "can't be loaded" in str(error) and str(error)
        return None

    monkeypatch.setattr(versions_module, "_TRY_AGAIN_S", 3600.0)
    assert "model.onnx" in wait_for(why)
    graph.write_bytes(content)
    assert "model.onnx" in why(), "not at every request"
    monkeypatch.setattr(versions_module, "_TRY_AGAIN_S", 0.0)
    assert loaded(follower, "v2")


# --- what breaks ------------------------------------------------------------------------------------------------


def require_unmoved(follower, about, version="v1"):
    """The last good model answers on, and the problem is told with its beginning."""
    follower.look()
    first = follower.knowledge()
    follower.look()
    again = follower.knowledge()
    assert follower.get("champion").model.version == version
    assert first.ready
    assert about in first.problem
    assert again.problem_since == first.problem_since
    assert again.checked_at == first.checked_at < first.problem_since


def require_whole(follower, version):
    follower.look()
    knowledge = follower.knowledge()
    assert (knowledge.problem, knowledge.problem_since) == (None, None)
    assert follower.get("champion").model.version == version


def test_a_registry_that_is_gone_and_comes_back(deployment, following):
    file = file_of(deployment)
    deployment.promote("v1")
    follower = following()
    file.rename(file.with_name("away"))
    require_unmoved(follower, "There is no registry in")
    file.with_name("away").rename(file)
    deployment.promote("v2")
    require_whole(follower, "v2")


def test_a_registry_that_is_locked(deployment, following, monkeypatch):
    file = file_of(deployment)
    monkeypatch.setattr(watch_module, "_WAIT_S", 0.05)
    deployment.promote("v1")
    follower = following()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    require_unmoved(follower, "locked")
    other.execute("ROLLBACK")
    other.close()
    require_whole(follower, "v1")


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_registry_that_is_damaged(deployment, following, content):
    file = file_of(deployment)
    deployment.promote("v1")
    follower = following()
    whole = file.read_bytes()
    file.write_bytes(content)
    follower.look()
    assert follower.knowledge().problem
    assert follower.get("champion").model.version == "v1"
    file.write_bytes(whole)
    deployment.promote("v2")
    require_whole(follower, "v2")


def test_an_older_copy_is_not_believed_even_when_its_champion_moves(deployment, following):
    file = file_of(deployment)
    deployment.promote("v1")
    shutil.copy(file, file.with_name("older"))
    deployment.promote("v2")
    follower = following()
    file.rename(file.with_name("newer"))
    shutil.copy(file.with_name("older"), file)
    require_unmoved(follower, "was witnessed", "v2")
    deployment.promote("v3")
    require_unmoved(follower, "was witnessed", "v2")
    file.with_name("newer").replace(file)
    require_whole(follower, "v2")


def test_another_registry_is_not_believed(deployment, following, tmp_path):
    file = file_of(deployment)
    deployment.promote("v1")
    follower = following()
    other = Registry(f"sqlite:///{tmp_path}/other.db")
    for number in range(1, 6):
        register(other, f"v{number}")
        evaluate(other, f"v{number}")
    move(other, "v3", None)
    shutil.copy(tmp_path / "other.db", file)
    require_unmoved(follower, "was witnessed")


@pytest.mark.parametrize("table", ["alias_events", "evaluations"])
def test_rows_that_were_edited_are_not_believed(deployment, following, table):
    """In a file that is seen at once; in PostgreSQL when there is a new record, or at the next whole verification."""
    deployment.promote("v1")
    follower = following()
    sql_past(deployment.registry)(f"UPDATE {table} SET run_id = 'other' WHERE id = 1")
    if deployment.url.startswith("sqlite"):
        require_unmoved(follower, f"{table} 1")
    else:
        follower._watch._whole_at -= 2 * watch_module._WHOLE_EVERY_S
        require_unmoved(follower, f"{table} 1")
    sql_past(deployment.registry)(f"UPDATE {table} SET run_id = {'NULL' if table == 'alias_events' else repr('run-2')}")
    deployment.promote("v2")
    require_whole(follower, "v2")


def test_an_edit_while_the_registry_is_looked_at_is_seen_at_the_next_look(deployment, following, monkeypatch):
    file_of(deployment)
    deployment.promote("v1")
    follower = following()
    head = Registry.audit_head

    def edit(registry):
        monkeypatch.undo()
        sql_past(deployment.registry)("UPDATE alias_events SET reason = 'other' WHERE id = 1")
        return head(registry)

    monkeypatch.setattr(Registry, "audit_head", edit)
    follower.look()
    require_unmoved(follower, "alias_events 1")


def test_a_move_beside_an_edited_one_is_not_believed(deployment, following):
    deployment.promote("v1")
    follower = following()
    sql_past(deployment.registry)("UPDATE alias_events SET reason = 'other' WHERE id = 1")
    deployment.promote("v2")
    require_unmoved(follower, "alias_events 1")


def test_a_broken_registry_is_verified_once_until_it_changes(deployment, following, monkeypatch):
    deployment.promote("v1")
    follower = following()
    sql_past(deployment.registry)("UPDATE alias_events SET reason = 'other' WHERE id = 1")
    deployment.promote("v2")
    follower.look()
    calls = []
    trusted = Registry.trusted
    monkeypatch.setattr(Registry, "trusted", lambda *args, **how: calls.append(1) or trusted(*args, **how))
    for _ in range(5):
        follower.look()
    assert not calls
    assert follower.knowledge().problem


def test_a_server_of_postgresql_that_is_away(deployment, following):
    if deployment.url.startswith("sqlite"):
        pytest.skip("a server")
    deployment.promote("v1")
    follower = following()
    follower._watch._url = deployment.url.replace("host=/tmp/", "host=/tmp/no-")
    follower._watch._registry = None
    require_unmoved(follower, "can't be used")
    follower._watch._url = deployment.url
    deployment.promote("v2")
    require_whole(follower, "v2")


@pytest.mark.parametrize("damage", ["changed", "missing file", "missing bundle"])
def test_a_champion_whose_bundle_is_damaged_is_not_taken_until_it_is_whole(deployment, following, damage):
    deployment.promote("v1")
    follower = following()
    bundle, graph = deployment.bundle("v2"), deployment.bundle("v2") / "model.onnx"
    shutil.copytree(bundle, bundle.with_name("copy"))
    if damage == "changed":
        graph.write_bytes(graph.read_bytes()[:-9] + b"something")
    elif damage == "missing file":
        graph.unlink()
    else:
        shutil.rmtree(bundle)
    deployment.promote("v2")
    follower.look()
    first = follower.knowledge().not_taken["champion"]
    follower.look()
    assert follower.knowledge().not_taken["champion"] == first
    assert (first.version, first.sequence) == ("v2", 2)
    assert first.why
    assert follower.knowledge().problem is None
    assert (follower.get("champion").sequence, follower.get("champion").model.version) == (1, "v1")
    shutil.rmtree(bundle, ignore_errors=True)
    bundle.with_name("copy").rename(bundle)
    follower._loading.forget("champion")
    follower.look()
    assert not follower.knowledge().not_taken
    assert follower.get("champion").model.version == "v2"


def test_a_damaged_bundle_is_not_read_at_every_look(deployment, following, monkeypatch):
    deployment.promote("v1")
    follower = following(poll_seconds=60)
    shutil.rmtree(deployment.bundle("v2"))
    deployment.promote("v2")
    reads = []
    read = LocalArtifactStore.read
    monkeypatch.setattr(LocalArtifactStore, "read", lambda *args: reads.append(1) or read(*args))
    for _ in range(20):
        follower.look()
    assert len(reads) == 1


def test_a_damaged_bundle_does_not_keep_another_alias_back(deployment, following):
    deployment.promote("v1")
    shutil.rmtree(deployment.bundle("v1"))
    deployment.promote("v2", "challenger")
    follower = following()
    assert not follower.knowledge().ready
    with pytest.raises(NotLoaded, match="champion is v1, which can't be loaded"):
        follower.get("champion")
    assert follower.get("challenger").model.version == "v2"


def test_a_bundle_that_is_damaged_while_it_is_served_is_told(deployment, following, monkeypatch):
    monkeypatch.setattr(following_module, "_BUNDLES_EVERY_S", 0.0)
    deployment.promote("v1")
    follower = following()
    graph = deployment.bundle("v1") / "model.onnx"
    content = graph.read_bytes()
    graph.write_bytes(b"")
    follower.look()
    noted = follower.knowledge().not_taken["champion"]
    assert (noted.version, noted.sequence) == ("v1", 1)
    assert "served from memory" in noted.why
    assert follower.get("champion").model.version == "v1"
    graph.write_bytes(content)
    follower.look()
    assert not follower.knowledge().not_taken


def test_errors_of_any_kind_are_told_and_the_thread_goes_on(deployment, monkeypatch):
    deployment.promote("v1")
    follower = deployment.follow()
    follower.start()
    try:
        monkeypatch.setattr(Registry, "audit_head", lambda _: 1 / 0)
        wait_for(lambda: "ZeroDivisionError" in (follower.knowledge().problem or ""))
        monkeypatch.undo()
        deployment.promote("v2")
        wait_for(lambda: follower.get("champion").model.version == "v2")
        assert follower.knowledge().problem is None
    finally:
        follower.stop()
    assert not follower._thread.is_alive()


# --- how long, how much -----------------------------------------------------------------------------------------


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_looks_and_swaps_leave_nothing_behind(deployment, following):
    deployment.promote("v1")
    follower = following()
    models = []
    polls, swaps = (5000, 50) if LONG else (100, 12)

    def swap(number):
        deployment.promote("v2" if number % 2 == 0 else "v1")
        follower.look()
        models.append(weakref.ref(follower.get("champion").model))

    for number in range(6):
        swap(number)
    gc.collect()
    files, memory = open_files(), resident_mb()
    for number in range(swaps):
        swap(number)
    for _ in range(polls):
        follower.look()
    gc.collect()
    assert open_files() <= files
    assert sum(each() is not None for each in models) == 1
    assert resident_mb() - memory < 30
    assert follower.get("champion").sequence == 7 + swaps


def test_a_look_at_an_unchanged_registry_asks_for_its_head_alone(deployment, following):
    deployment.promote("v1")
    follower = following()
    statements = []

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    try:
        follower.look()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert len([each for each in statements if each.startswith("SELECT audit_log.sequence")]) == 1
    assert not [each for each in statements if "alias_events" in each]
