"""A version that can't be loaded is tried again after ever longer pauses, and at once where another event names it."""

import itertools
from types import SimpleNamespace

import pytest

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.serving.following import loading
from mlreg_dagster.serving.following.loading import Loading, NotLoadable
from mlreg_dagster.serving.following.names import Bundle

V7 = Bundle("v7", "7" * 64)
LOADED = SimpleNamespace(version="v7", sha256="7" * 64)


class Store:
    """Bundles of which some are damaged, and how often one was read."""

    def __init__(self):
        self.reads, self.error = 0, MlregError("v7 is damaged.")

    def load(self, version):
        self.reads += 1
        if self.error is not None:
            raise self.error
        return SimpleNamespace(version=version.version, sha256=version.artifact_sha256)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(loading, "time", SimpleNamespace(monotonic=lambda: now.s))
    return now


def test_one_that_is_loaded_under_another_name_is_not_read_again(store):
    assert Loading(store.load, 0.5).get("champion", "1", V7, [LOADED]) is LOADED
    assert store.reads == 0


def test_the_same_version_with_other_bytes_is_another_one(store):
    store.error = None
    found = Loading(store.load, 0.5).get("champion", "1", Bundle("v7", "8" * 64), [LOADED])
    assert (found.sha256, store.reads) == ("8" * 64, 1)


def test_pauses_double_up_to_ten_seconds(store, clock):
    versions = Loading(store.load, 0.5)
    tried_at = []
    for step in range(400):
        clock.s, before = 100 + step / 10, store.reads
        assert versions.get("champion", "1", V7, []) == NotLoadable("v7 is damaged.")
        if store.reads > before:
            tried_at.append(clock.s - 100)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tried_at)]
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 10, 10], abs=0.11)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("place", "event"), [("champion", "2"), ("challenger", "1")])
def test_another_event_or_place_has_it_tried_at_once(store, place, event):
    versions = Loading(store.load, 0.5)
    versions.get("champion", "1", V7, [])
    versions.get("champion", "1", V7, [])
    assert store.reads == 1
    versions.get(place, event, V7, [])
    assert store.reads == 2


@pytest.mark.usefixtures("clock")
def test_a_success_forgets_the_failures_of_its_place(store):
    versions = Loading(store.load, 0.5)
    versions.get("champion", "1", V7, [])
    versions.get("challenger", "1", V7, [])
    versions.get("champion", "1", V7, [LOADED])
    versions.get("champion", "1", V7, [])
    versions.get("challenger", "1", V7, [])
    assert store.reads == 3


def test_an_error_of_a_library_is_named_by_its_kind(store):
    store.error = ValueError("no graph")
    assert Loading(store.load, 0.5).get("champion", "1", V7, []) == NotLoadable("ValueError: no graph")
