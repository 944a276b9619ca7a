"""The history of an alias: approvals and signatures, names of people, moves that were taken back, hostile text."""

from datetime import timedelta

import pytest

from mlreg_dagster.registry import Attribution, Permission
from mlreg_dagster_tests.pages.asked import Site
from mlreg_dagster_tests.registry.builders import (
    NOW,
    add_person,
    evaluate,
    move,
    register,
    resume,
    sha,
    suspend,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def site(tmp_path) -> Site:
    """v1 and v2 are evaluated; v1 is champion."""
    found = Site(tmp_path / "home")
    for version in ("v1", "v2"):
        register(found.registry, version, created_at=NOW)
        evaluate(found.registry, version, recorded_at=NOW)
    move(found.registry, "v1", None, time=NOW, effective_at=NOW)
    return found


def test_an_alias_that_no_version_ever_held(tmp_path):
    site = Site(tmp_path / "home")
    register(site.registry, "v1", created_at=NOW)
    found = site.facts("champions")
    assert found["sentence"].startswith("Nobody held champion as of ")
    assert (found["changes"], found["slider"], found["spans"]) == ([], None, [])
    assert "Nobody held champion" in site.html("champions")
    assert "Nobody held champion" in site.html("overview")
    site.html("champions", status=404, alias="challenger")


def test_people_are_shown_by_the_names_that_the_directory_has_now(site):
    person = add_person(site.registry, "zoe quux", time=NOW)
    move(site.registry, "v2", "v1", actor="zoe quux", time=NOW + HOUR, effective_at=NOW + HOUR)
    found = site.facts("champions")
    assert found["standing"]["moves"][0]["actor"] == person  # what is recorded, as the command prints it
    assert found["changes"][0]["by"] == f"zoe quux ({person})"
    assert f"requested by zoe quux ({person})" in site.html("overview")
    site.registry.erase_person(person, Attribution("ann", NOW + 2 * HOUR, "she asked for it"))
    assert "zoe" not in site.html("champions")


def test_approvals_of_a_move_and_whether_they_are_signed(site):
    number = site.registry.evaluations("v2")[-1].id
    for name, signature in (("rita", "c2ln"), ("sam", None)):
        by = Attribution(name, NOW + HOUR, "it is good")
        site.registry.decide("approval", "v2", by, artifact_sha256=sha("v2"), evaluation_id=number, signature=signature)
    evidence = {"facts": {"approved_by": ["rita", "sam"]}}
    move(
        site.registry,
        "v2",
        "v1",
        time=NOW + 2 * HOUR,
        effective_at=NOW + 2 * HOUR,
        permit=lambda dossier: Permission(dossier.evaluations[-1], evidence),
    )
    newest, first = site.facts("champions")["changes"]
    assert newest["approved_by"] == ["rita", "sam"]
    assert newest["signature"] == "approved by rita, signed; approved by sam, did not sign"
    assert first["signature"] == "no approval on record"


def test_suspensions_lie_between_the_moves(site):
    suspend(site.registry, time=NOW + HOUR, signature="c2ln")
    resume(site.registry, time=NOW + 3 * HOUR)
    found = site.facts("champions", as_of=NOW + 2 * HOUR)
    assert found["is_suspended"]
    assert [each["what"] for each in found["changes"]] == ["suspended, held by v1", "v1 takes over from nobody"]
    assert found["changes"][0]["signature"] == "signed"
    assert len(found["stops"]) == 1
    assert 'class="problem">SUSPENDED: champion is suspended since' in site.html("champions", as_of=NOW + 2 * HOUR)
    after = site.facts("champions", as_of=NOW + 3 * HOUR)
    assert not after["is_suspended"]
    assert after["changes"][0]["signature"] == "not signed"
    assert "SUSPENDED" not in site.html("champions", as_of=NOW + 3 * HOUR)


def test_a_move_that_was_taken_back_does_not_count_and_is_named(site):
    ahead = NOW + 5 * HOUR  # the clock was
    move(site.registry, "v2", "v1", time=ahead, effective_at=ahead)
    site.registry.take_back("champion", 2, Attribution("carla", NOW + 2 * HOUR, "the clock was ahead"))
    found = site.facts("champions", as_of=NOW + 6 * HOUR)
    assert found["standing"]["moves"][0]["version"] == "v1"
    assert [each["kind"] for each in found["changes"]] == ["move"]
    (sentence,) = found["do_not_count"]
    assert "The move to v2" in sentence
    assert "taken back by carla" in sentence


def test_what_others_wrote_stays_text(site):
    hostile = "<script>alert(1)</script> & {{ 7 * 7 }}"
    move(site.registry, "v2", "v1", reason=hostile, time=NOW + HOUR, effective_at=NOW + HOUR)
    for key in ("overview", "champions", "models"):
        page = site.html(key)
        assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; {{ 7 * 7 }}" in site.html("champions")
