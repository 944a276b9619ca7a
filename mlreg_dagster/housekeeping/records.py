"""Is the registry whole, and does everything that it names exist with the hash it names?"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster.errors import MlregError
from mlreg_dagster.finding import Finding
from mlreg_dagster.housekeeping.home import Home, remove
from mlreg_dagster.storage.artifacts import Artifact, ArtifactError, ArtifactStore
from mlreg_dagster.storage.registry import Registry

MODELS = "models"

_COPY = "Restore it from a copy"


def registry_is_sound(home: Home) -> Iterator[Finding]:
    """The database, its aliases, and every bundle that it names or doesn't."""
    file = home.registry_file
    if file is not None and not file.exists():
        yield Finding("registry", "waiting", f"{file} is not there yet.", "The first command that asks it makes it.")
        return
    if file is not None:
        database = _database_is_sound(file)
        yield database
        if database.state == "miss":
            return
    try:
        yield _audit_log_fits(home.registry)
        yield _aliases_point_at_versions(home.registry)
        yield from _versions_have_bundles(home)
        yield from _models_in_use_score_soundly(home)
        yield from _datasets_are_intact(home)
    except MlregError as error:
        yield Finding("registry", "miss", str(error), "See docs/runbook.md.")


def _database_is_sound(file: Path) -> Finding:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            damage = [row[0] for row in connection.execute("PRAGMA integrity_check")]
            stray = [row[0] for row in connection.execute("PRAGMA foreign_key_check")]
    except sqlite3.Error as error:
        damage, stray = [str(error)], []
    if damage != ["ok"]:
        seen = f"{file} is damaged: {'; '.join(damage[:3])}."
        return Finding("registry", "miss", seen, f"{_COPY}: stop everything that uses {file}, and see docs/runbook.md.")
    if stray:
        seen = f"{file}: {len(stray)} rows of {', '.join(sorted(set(stray)))} name what is not there."
        return Finding("registry", "miss", seen, f"{_COPY}; it was changed from outside.")
    return Finding("registry", "ok", f"{file} is intact.")


def _audit_log_fits(registry: Registry) -> Finding:
    if broken := registry.find_tampering():
        return Finding("audit log", "miss", broken, "It was tampered with: see docs/runbook.md.")
    return Finding("audit log", "ok", f"{len(registry.audit_log())} records, all as they were written.")


def _aliases_point_at_versions(registry: Registry) -> Finding:
    hashes = {version.version: version.artifact_sha256 for version in registry.versions()}
    moves = registry.aliases()
    if lost := [f"{alias} ({move.version})" for alias, move in moves.items() if move.version not in hashes]:
        seen = f"They point at versions that are not registered: {', '.join(lost)}."
        return Finding("aliases", "miss", seen, 'mlreg rollback <version> --alias <alias> --reason "…"')
    if other := [name for name, move in moves.items() if move.artifact_sha256 != hashes[move.version]]:
        seen = f"They were given to other bytes than those registered: {', '.join(other)}."
        return Finding("aliases", "miss", seen, f"{_COPY}: the registry was changed from outside.")
    return Finding("aliases", "ok", ", ".join(f"{alias} is {move.version}" for alias, move in moves.items()) or "None.")


def _versions_have_bundles(home: Home) -> Iterator[Finding]:
    store, versions = home.artifacts, home.registry.versions()
    broken = []
    for version in versions:
        if problem := _problem(store, MODELS, version.version, version.artifact_sha256):
            broken.append(problem)
    if broken:
        advice = f"{_COPY}; without one, train again with the settings of its manifest: mlreg train."
        yield Finding("model bundles", "miss", " ".join(broken), advice)
    else:
        yield Finding("model bundles", "ok", f"All {len(versions)} versions have theirs, with the registered hash.")
    registered = {version.version for version in versions}
    if strays := [path for path in _folders(store, MODELS) if path not in registered]:
        seen = f"Nobody registered {', '.join(strays)} in {store.root / MODELS}: a training died, or still goes on."
        advice = f"If none goes on: {'; '.join(remove(store.root / MODELS / name) for name in strays)}"
        yield Finding("unregistered bundles", "miss", seen, advice)


def _models_in_use_score_soundly(home: Home) -> Iterator[Finding]:
    """Those that hold an alias: whether they score as they did when they were trained, and whether that is sound."""
    from mlreg_dagster.models import artifact

    remarks = []
    in_use = {move.version: move.artifact_sha256 for move in home.registry.aliases().values()}
    for version, sha256 in sorted(in_use.items()):
        try:
            remarks += artifact.load(home.artifacts, version, sha256).remarks
        except MlregError:  # said already of its bundle
            continue
    if remarks:
        yield Finding("models in use", "waiting", " ".join(remarks), "Compare or train again, as said.")
    elif in_use:
        yield Finding(
            "models in use",
            "ok",
            f"Those that hold an alias ({', '.join(sorted(in_use))}) score with the libraries of their training.",
        )


def _datasets_are_intact(home: Home) -> Iterator[Finding]:
    """Every frozen file has its hash, those that the registry names are there, and training and holdout are pairs."""
    store, registry = home.artifacts, home.registry
    versions = registry.versions()
    named = {(TRAINING, version.dataset_day): version.dataset_sha256 for version in versions}
    broken = [text for (kind, day), sha256 in named.items() if (text := _problem(store, kind, day, sha256))]
    sha256s, half = set(), []
    for kind in (TRAINING, HOLDOUT):
        for day in set(store.keys(kind)) - {day for other, day in named if other == kind}:
            if text := _problem(store, kind, day):
                broken.append(text)
        half += [f"{kind}/{name}" for name in _folders(store, kind) if name not in store.keys(kind)]
    for day in store.keys(HOLDOUT):
        sha256s |= {found.sha256} if (found := _found(store, day)) else set()
    evaluated = {each.holdout_sha256 for version in versions for each in registry.evaluations(version.version)}
    if lost := evaluated - sha256s:
        broken.append(f"No holdout has the hash that evaluations name: {', '.join(sorted(lost))}.")
    if broken:
        advice = f"{_COPY}; one that no version names may be removed and its day be frozen again."
        yield Finding("datasets", "miss", " ".join(broken), advice)
    else:
        days = store.keys(TRAINING)
        unused = len(set(days) - {day for _, day in named})
        yield Finding("datasets", "ok", f"{len(days)} days are intact; {unused} of them no version was trained on.")
    if half:
        seen = f"Without {store.root} knowing them as frozen: {', '.join(half)}."
        yield Finding("half datasets", "miss", seen, "; ".join(remove(store.root / name) for name in half))
    for kind, other in ((TRAINING, HOLDOUT), (HOLDOUT, TRAINING)):
        if alone := sorted(set(store.keys(kind)) - set(store.keys(other))):
            command = f"dagster asset materialize -m mlreg_dagster.definitions --select {other} --partition {alone[0]}"
            yield Finding("pairs of datasets", "miss", f"{kind} without {other}: {', '.join(alone)}.", command)


def _problem(store: ArtifactStore, kind: str, key: str, sha256: str | None = None) -> str:
    try:
        store.read(kind, key, sha256)
    except ArtifactError as error:
        return str(error)
    return ""


def _found(store: ArtifactStore, day: str) -> Artifact | None:
    try:
        return store.find(HOLDOUT, day)
    except ArtifactError:  # said already
        return None


def _folders(store: ArtifactStore, kind: str) -> list[str]:
    folder = store.root / kind
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
