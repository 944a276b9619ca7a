"""Payloads are kept as received, each for itself, whole or not at all."""

import gzip
import json
import os
import tracemalloc
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from upath import UPath

from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.core.untrusted.unpacking import LARGEST_PAYLOAD
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.landing import LandingZone, PayloadDamaged

HOUR_ASKED = as_hour("2026-03-20T09:00")
RECEIVED = pd.Timestamp("2026-03-20T10:20:30.123456", tz="UTC")


@pytest.fixture(params=["local", "memory", pytest.param("s3", marks=pytest.mark.slow)])
def landing(request: pytest.FixtureRequest, tmp_path: Path) -> LandingZone:
    """On a local folder, and on object stores."""
    if request.param == "s3":
        return LandingZone(f"s3://{request.getfixturevalue('s3_bucket')}/artifacts/.raw")
    return LandingZone(tmp_path / "landing" if request.param == "local" else UPath(f"memory://{tmp_path}"))


def land(landing: LandingZone, payload: bytes, hour: pd.Timestamp = HOUR_ASKED, **about: object) -> UPath:
    return landing.land("coingecko", "coins_markets", hour, payload, RECEIVED, about)


@pytest.mark.parametrize("payload", [b"", b"[]", b"<html>\x00\xff", b'{"price": NaN'])
def test_a_payload_comes_back_as_it_was(landing: LandingZone, payload: bytes) -> None:
    assert landing.read(land(landing, payload)) == payload


def test_a_person_can_read_and_audit_what_was_landed(tmp_path: Path) -> None:
    landing = LandingZone(tmp_path)
    path = Path(str(land(landing, b"hello", url="https://example.org/x", status=200)))
    assert path.parent == tmp_path / "coingecko" / "coins_markets" / "2026-03-20" / "09"
    assert gzip.decompress(path.read_bytes()) == b"hello"
    described = json.loads(path.with_suffix(".json").read_text())
    assert described == {"received_at": RECEIVED.isoformat(), "url": "https://example.org/x", "status": 200}


def test_the_same_payload_twice_is_kept_twice_newest_last(landing: LandingZone) -> None:
    first, second, third = land(landing, b"same"), land(landing, b"same"), land(landing, b"other")
    later = landing.land("coingecko", "coins_markets", HOUR_ASKED, b"later", RECEIVED + HOUR)
    assert landing.landed("coingecko", "coins_markets", HOUR_ASKED) == [first, second, third, later]
    assert landing.about(later)["received_at"] == (RECEIVED + HOUR).isoformat()


def test_hours_come_newest_first_and_keep_apart(landing: LandingZone) -> None:
    asked = [HOUR_ASKED, HOUR_ASKED - 30 * HOUR, HOUR_ASKED + HOUR]
    for hour in asked:
        land(landing, hour.isoformat().encode(), hour)
    assert list(landing.hours("coingecko", "coins_markets")) == sorted(asked, reverse=True)
    for hour in asked:
        (path,) = landing.landed("coingecko", "coins_markets", hour)
        assert landing.read(path) == hour.isoformat().encode()


def test_nothing_landed_is_no_error(landing: LandingZone) -> None:
    assert landing.landed("coingecko", "coins_markets", HOUR_ASKED) == []
    assert list(landing.hours("coingecko", "coins_markets")) == []


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    landing = LandingZone(tmp_path)
    payloads = [str(number).encode() for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda payload: land(landing, payload), payloads))
    paths = landing.landed("coingecko", "coins_markets", HOUR_ASKED)
    assert sorted(map(landing.read, paths)) == sorted(payloads)


@pytest.mark.parametrize("crash_at", [".gz", ".json"])
def test_a_crash_while_writing_leaves_no_half_payload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash_at: str
) -> None:
    landing = LandingZone(tmp_path)
    write = private_files.write

    def torn(path: UPath, content: bytes) -> None:
        if crash_at in path.name:
            write(path, content[: len(content) // 2])
            raise OSError("disk full")
        write(path, content)

    monkeypatch.setattr(private_files, "write", torn)
    with pytest.raises(OSError, match="disk full"):
        land(landing, b"payload" * 100)
    assert landing.landed("coingecko", "coins_markets", HOUR_ASKED) == []


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", "", "A B"])
def test_a_name_that_is_a_path_is_refused(landing: LandingZone, name: str) -> None:
    with pytest.raises(ValueError, match="can't name a landing folder"):
        landing.land("coingecko", name, HOUR_ASKED, b"", RECEIVED)


@pytest.mark.parametrize("size", [LARGEST_PAYLOAD + 1, 600 << 20])
def test_a_payload_is_read_within_the_limit_of_what_is_received(tmp_path: Path, size: int) -> None:
    landing = LandingZone(tmp_path)
    path = Path(str(land(landing, b"[]")))
    packer, piece = zlib.compressobj(9, zlib.DEFLATED, 31), b"\0" * (1 << 20)
    pieces = [packer.compress(piece[: min(len(piece), size - start)]) for start in range(0, size, len(piece))]
    path.write_bytes(b"".join(pieces) + packer.flush())
    tracemalloc.start()
    with pytest.raises(PayloadDamaged, match=r"more than 33,554,432 bytes"):
        landing.read(UPath(path))
    assert tracemalloc.get_traced_memory()[1] < 4 * LARGEST_PAYLOAD
    tracemalloc.stop()


def _replace_by(what: str, path: Path, elsewhere: Path) -> None:
    path.unlink()
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    elif what == "a device":
        path.symlink_to("/dev/zero")
    else:
        elsewhere.write_bytes(gzip.compress(b"[]"))
        path.symlink_to(elsewhere)


@pytest.mark.parametrize("what", ["a pipe", "a folder", "a link", "a device"])
@pytest.mark.parametrize("suffix", [".gz", ".json"])
def test_what_is_no_file_is_damage_and_nothing_waits_for_it(tmp_path: Path, what: str, suffix: str) -> None:
    landing = LandingZone(tmp_path / "landing")
    path = land(landing, b"[]")
    _replace_by(what, Path(str(path.with_suffix(suffix))), tmp_path / "elsewhere")
    with pytest.raises(PayloadDamaged, match=f"is {'a link' if what == 'a device' else what}, not a file"):
        landing.read(path) if suffix == ".gz" else landing.about(path)


def test_folders_that_we_did_not_make_are_no_hours(landing: LandingZone, tmp_path: Path) -> None:
    land(landing, b"[]")
    kind = landing.root / "coingecko" / "coins_markets"
    for name in ("notes/09", "2026-13-01/09", "2026-03-20/later", "2026-03-19/25"):
        (kind / name).mkdir(parents=True)
        (kind / name / "a note").write_bytes(b"")  # an object store has no empty folders
    (kind / "2026-03-18").write_bytes(b"a file")
    if isinstance(landing.root, Path):
        (tmp_path / "outside" / "07").mkdir(parents=True)
        Path(str(kind / "2026-03-17")).symlink_to(tmp_path / "outside")
    assert list(landing.hours("coingecko", "coins_markets")) == [HOUR_ASKED]


def test_on_an_object_store_nothing_is_written_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    landing = LandingZone(UPath(f"memory://{tmp_path}"))
    monkeypatch.setattr("mlreg_dagster.storage.landing.uuid4", lambda: uuid.UUID(int=7))
    monkeypatch.setattr(landing, "_bodies_in", lambda _: [])  # as a host that listed at the same moment
    path = land(landing, b"first")
    with pytest.raises(FileExistsError):
        land(landing, b"second")
    assert landing.read(path) == b"first"
    assert landing.about(path)["received_at"] == RECEIVED.isoformat()


def test_what_was_landed_on_the_disk_before_is_read_on(tmp_path: Path) -> None:
    before = LandingZone(tmp_path / "raw")
    old = [land(before, b"old", hour) for hour in (HOUR_ASKED, HOUR_ASKED - HOUR)]
    landing = LandingZone(f"memory://{tmp_path}/store", tmp_path / "raw")
    new = [land(landing, b"new", hour) for hour in (HOUR_ASKED, HOUR_ASKED + HOUR)]
    assert list(landing.hours("coingecko", "coins_markets")) == [HOUR_ASKED + HOUR, HOUR_ASKED, HOUR_ASKED - HOUR]
    assert landing.kinds() == [("coingecko", "coins_markets")]
    found = landing.landed("coingecko", "coins_markets", HOUR_ASKED)
    assert {landing.read(path) for path in found} == {b"old", b"new"}
    assert landing.about(old[1])["received_at"] == landing.about(new[1])["received_at"] == RECEIVED.isoformat()


def test_payloads_of_an_object_store_are_copied_and_removed(tmp_path: Path) -> None:
    landing = LandingZone(f"memory://{tmp_path}/store")
    gone, kept = land(landing, b"1"), land(landing, b"2", HOUR_ASKED + HOUR)
    (gone.parent / "notes.txt").write_bytes(b"of a person")
    landing.copy_to(tmp_path / "raw")
    copied = LandingZone(tmp_path / "raw")
    assert [copied.read(path) for path in copied.landed("coingecko", "coins_markets", HOUR_ASKED)] == [b"1"]
    assert copied.about(copied.landed("coingecko", "coins_markets", HOUR_ASKED + HOUR)[0]) == landing.about(kept)
    landing.remove(gone.parent)
    assert landing.landed("coingecko", "coins_markets", HOUR_ASKED) == []
    assert landing.read(kept) == b"2"
    assert (gone.parent / "notes.txt").exists()
