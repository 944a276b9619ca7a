"""What every store of artifacts has to do: tests to inherit, with a fixture `store` that gives an empty one."""

import hashlib

import pytest
from upath import UPath

from mlreg_dagster.storage.artifacts import (
    ArtifactFrozen,
    ArtifactMissing,
    ArtifactStore,
    ArtifactTampered,
    InvalidArtifact,
    open_artifacts,
)

FILES = {"pipeline.skops": b"\x00\x01 weights", "manifest.json": b'{"seed": 42}', "empty": b""}


def folder(store: ArtifactStore, key: str = "v1") -> UPath:
    """Where the sums of a bundle are."""
    return store.root / "models" / key


def files_of(store: ArtifactStore, key: str = "v1") -> UPath:
    """Where the files of a bundle are: beside the sums, or under their hash."""
    found = store.find("models", key)
    under = folder(store, key) / (found.sha256 if found else "")
    return under if found and under.is_dir() else folder(store, key)


def all_in(place: UPath) -> list[UPath]:
    """The files below a folder."""
    return [path for path in place.rglob("*") if path.is_file()]


class ArtifactStoreContract:
    """Bundles are written once and whole, and read only as they were frozen."""

    def test_a_bundle_comes_back_as_it_was_frozen(self, store):
        artifact = store.freeze("models", "v1", FILES)
        assert store.read("models", "v1", artifact.sha256) == FILES
        assert store.read("models", "v1") == FILES
        assert store.find("models", "v1") == artifact
        assert artifact.files == {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
        assert {path.name for path in all_in(UPath(artifact.uri, **store.root.storage_options))} == {
            *FILES,
            "SHA256SUMS",
        }
        assert {path.name: path.read_bytes() for path in files_of(store).iterdir()}.items() >= FILES.items()

    def test_single_files_are_read_and_verified_alone(self, store):
        artifact = store.freeze("models", "v1", FILES)
        (files_of(store) / "pipeline.skops").write_bytes(b"other")
        asked = {"manifest.json", "nothing"}
        assert store.read("models", "v1", artifact.sha256, asked) == {"manifest.json": FILES["manifest.json"]}
        with pytest.raises(ArtifactTampered, match=r"pipeline\.skops"):
            store.read("models", "v1", names={"pipeline.skops"})

    def test_the_hash_depends_on_the_content_alone(self, store, tmp_path):
        one = store.freeze("models", "v1", FILES)
        other = open_artifacts(tmp_path / "elsewhere").freeze("other", "x", dict(reversed(FILES.items())))
        assert one.sha256 == other.sha256
        assert store.freeze("models", "v2", FILES | {"empty": b"\n"}).sha256 != one.sha256
        assert store.freeze("models", "v3", {"renamed" if k == "empty" else k: v for k, v in FILES.items()}).sha256 != (
            one.sha256
        )

    def test_the_same_content_again_changes_nothing(self, store):
        artifact = store.freeze("models", "v1", FILES)
        before = {path.name: path.stat().st_mtime for path in all_in(folder(store))}
        assert store.freeze("models", "v1", dict(reversed(FILES.items()))) == artifact
        assert {path.name: path.stat().st_mtime for path in all_in(folder(store))} == before
        assert len(before) == len(FILES) + 1

    @pytest.mark.parametrize(
        ("changed", "named"),
        [
            (FILES | {"empty": b"no more"}, "empty"),
            (FILES | {"more": b""}, "more"),
            ({"empty": b""}, "manifest.json, pipeline.skops"),
        ],
    )
    def test_other_content_is_refused(self, store, changed, named):
        artifact = store.freeze("models", "v1", FILES)
        with pytest.raises(ArtifactFrozen, match=f"models/v1 is frozen with other content .*{named}"):
            store.freeze("models", "v1", changed)
        assert store.read("models", "v1", artifact.sha256) == FILES

    def test_keys_are_the_bundles_of_a_kind(self, store):
        assert store.keys("models") == []
        for key in ("v2", "v10", "2017-12-19"):
            store.freeze("models", key, FILES)
        store.freeze("datasets", "d", FILES)
        (folder(store, "unfinished") / "a").parent.mkdir(parents=True)
        (folder(store, "unfinished") / "a").write_bytes(b"")
        assert store.keys("models") == ["2017-12-19", "v10", "v2"]

    @pytest.mark.parametrize("files", [{}, {"SHA256SUMS": b""}, FILES | {"SHA256SUMS": b""}])
    def test_a_bundle_has_files_and_the_sums_are_ours(self, store, files):
        with pytest.raises(InvalidArtifact, match="needs files"):
            store.freeze("models", "v1", files)
        assert store.find("models", "v1") is None

    @pytest.mark.parametrize("name", FILES)
    def test_a_changed_file(self, store, name):
        artifact = store.freeze("models", "v1", FILES)
        (files_of(store) / name).write_bytes(FILES[name] + b"!")
        found = hashlib.sha256(FILES[name] + b"!").hexdigest()
        for sha256 in (artifact.sha256, None):
            with pytest.raises(ArtifactTampered, match=f"{name}: expected {artifact.files[name]}, found {found}"):
                store.read("models", "v1", sha256)

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_file(self, store, name):
        artifact = store.freeze("models", "v1", FILES)
        (files_of(store) / name).unlink()
        with pytest.raises(ArtifactTampered, match=f"{name}: expected {artifact.files[name]}, found no such file"):
            store.read("models", "v1")

    @pytest.mark.parametrize("name", ["extra", ".hidden", "folder/extra"])
    def test_a_file_too_many(self, store, name):
        store.freeze("models", "v1", FILES)
        path = files_of(store) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        with pytest.raises(ArtifactTampered, match=f"{name.split('/')[0]}: expected nothing"):
            store.read("models", "v1")

    def test_file_and_sums_changed_together_have_another_hash(self, store):
        artifact = store.freeze("models", "v1", FILES)
        other = store.freeze("models", "v2", FILES | {"empty": b"not empty"})
        for path in all_in(folder(store, "v2")):
            copy = folder(store) / path.relative_to(folder(store, "v2"))
            copy.write_bytes(path.read_bytes())
        with pytest.raises(ArtifactTampered, match=f"SHA256SUMS: expected {artifact.sha256}, found {other.sha256}"):
            store.read("models", "v1", artifact.sha256)

    @pytest.mark.parametrize(
        "damage",
        [
            lambda sums: sums[:-1],
            lambda sums: sums + sums,
            lambda sums: b"".join(reversed(sums.splitlines(keepends=True))),
            lambda sums: sums.replace(b"empty", b"../empty"),
            lambda sums: sums.replace(b"  ", b" "),
            lambda sums: sums.upper(),
            lambda sums: b"\xff" + sums,
        ],
    )
    def test_damaged_sums(self, store, damage):
        store.freeze("models", "v1", FILES)
        path = folder(store) / "SHA256SUMS"
        path.write_bytes(damage(path.read_bytes()))
        for ask in (store.read, store.find):
            with pytest.raises(ArtifactTampered, match="SHA256SUMS is damaged"):
                ask("models", "v1")

    def test_freezing_the_same_content_finds_the_damage(self, store):
        store.freeze("models", "v1", FILES)
        (files_of(store) / "empty").write_bytes(b"!")
        with pytest.raises(ArtifactTampered):
            store.freeze("models", "v1", FILES)

    def test_what_was_verified_is_what_is_returned(self, store):
        artifact = store.freeze("models", "v1", FILES)
        verified = store.read("models", "v1", artifact.sha256)
        (files_of(store) / "empty").write_bytes(b"changed after")
        assert verified == FILES

    def test_no_such_bundle(self, store):
        store.freeze("models", "v1", FILES)
        with pytest.raises(ArtifactMissing, match=r"no bundle models/v2 .* Bundles of models: v1"):
            store.read("models", "v2")
        assert store.find("models", "v2") is None

    def test_files_without_sums_are_replaced(self, store):
        folder(store).mkdir(parents=True)
        for name in ("pipeline.skops", "of.another.attempt"):
            (folder(store) / name).write_bytes(b"half")
        assert store.find("models", "v1") is None
        artifact = store.freeze("models", "v1", FILES)
        assert store.read("models", "v1", artifact.sha256) == FILES
