"""Checks that the registry is whole, and that everything it names exists with its hash."""

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.health import Finding
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster.governance.people.restored import names_that_are_back
from mlreg_dagster.operations.doctor.materializations import Made
from mlreg_dagster.operations.home import Home, set_aside
from mlreg_dagster.operations.recovery import describe_restore, moves_after
from mlreg_dagster.registry import Decision, Registry, SchemaOutdated
from mlreg_dagster.storage.artifacts import Artifact, ArtifactError, ArtifactStore

MODELS = "models"

_COPY = "Restore it from a copy"


def registry_is_sound(home: Home, now: pd.Timestamp, made: Made | None) -> Iterator[Finding]:
    """The database, its aliases, its times, and every bundle that it names or doesn't.

    Args:
        home: Whose registry.
        now: The machine's time.
        made: What runs made, by Dagster's event log; None where there is no such log.
    """
    file = home.registry_file
    if file is not None and not file.exists():
        if made is not None and made.versions:
            seen = f"{file} is not there, but runs made {', '.join(sorted(made.versions))}."
            yield Finding("registry", "miss", seen, f"{_COPY}: see docs/runbook.md.")
        else:
            yield Finding("registry", "waiting", f"{file} is not there yet.", "The first command makes it.")
        return
    if file is not None:
        database = _database_is_sound(file)
        yield database
        if database.state == "miss":
            return
    try:
        if file is None:
            yield _server_answers(home)
        yield _audit_log_fits(home.registry, made.heads if made else frozenset())
        yield _aliases_point_at_versions(home.registry)
        yield _nothing_is_recorded_ahead(home.registry, now)
        if made is not None:
            yield _versions_are_registered(home.registry, made)
            yield _people_stay_erased(home.registry, made)
        yield from _versions_have_bundles(home, made)
        yield from _models_in_use_score_soundly(home)
        yield from _datasets_are_intact(home)
        if made is not None:
            yield _datasets_are_there(home.artifacts, made)
    except SchemaOutdated as error:
        yield Finding("registry", "miss", str(error), "mlreg upgrade")
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


def _server_answers(home: Home) -> Finding:
    """Of a registry on a server the records alone can be looked at; how its files are is the server's to say."""
    home.registry.audit_head()
    return Finding(
        "registry", "ok", f"{home.registry_place} answers. Its files and backups are not looked at: ask the server."
    )


def _audit_log_fits(registry: Registry, heads: frozenset[tuple[int, str]]) -> Finding:
    if broken := registry.find_tampering(heads):
        return Finding("audit log", "miss", broken, "See docs/runbook.md: it was tampered with, or is an older copy.")
    seen = f"{len(registry.audit_log())} records, all as they were written."
    return Finding("audit log", "ok", " ".join([seen, *map(describe_restore, registry.restores())]))


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


def _nothing_is_recorded_ahead(registry: Registry, now: pd.Timestamp) -> Finding:
    """No record that counts was written after now: by its time it would count before what is written today."""
    found, commands = [], []
    for move in moves_after(registry, now):
        found.append(f"move {move.sequence} of {move.alias} to {move.version} ({move.recorded_at:%Y-%m-%d %H:%M})")
        commands.append(f'mlreg correct {move.alias} --reason "the clock was ahead"')
    for alias in registry.aliases():
        change = registry.traffic(alias)
        if change is not None and change.is_open and change.recorded_at > now:
            found.append(f"change {change.sequence} of the traffic of {alias} ({change.recorded_at:%Y-%m-%d %H:%M})")
            commands.append(f'mlreg rollout abort --alias {alias} --reason "the clock was ahead"')
    for stopped in registry.suspended().values():
        if stopped.recorded_at > now:
            found.append(f"suspension {stopped.sequence} of {stopped.alias} ({stopped.recorded_at:%Y-%m-%d %H:%M})")
            commands.append(f'mlreg resume {stopped.alias} --reason "the clock was ahead"')
    for version in registry.versions():
        name = version.version
        if version.created_at > now:
            found.append(f"{name} ({version.created_at:%Y-%m-%d %H:%M})")
            commands.append("mlreg train")
        evaluation = registry.latest_evaluation(name)
        if evaluation is not None and evaluation.recorded_at > now:
            found.append(f"the evaluation of {name} ({evaluation.recorded_at:%Y-%m-%d %H:%M})")
            commands.append(f"mlreg evaluate {name}")
        latest = {decision.actor: decision for decision in registry.decisions(name)}
        for actor, decision in latest.items():
            if decision.recorded_at > now:
                found.append(f"the {decision.title} of {name} by {actor} ({decision.recorded_at:%Y-%m-%d %H:%M})")
                commands.append(_decide_again(decision))
    if not found:
        return Finding("records after now", "ok", "Nothing was recorded after now.")
    seen = f"Recorded after now: {'; '.join(found)}. The clock was ahead then, or is behind now."
    return Finding("records after now", "miss", seen, "; ".join(dict.fromkeys(commands)))


def _decide_again(decision: Decision) -> str:
    who = f"--actor {shlex.quote(decision.actor)} --reason {shlex.quote(decision.reason)}"
    if decision.is_waiver:
        rules = " ".join(f"--rule {name}" for name in decision.waives)
        return f"mlreg waive {decision.version} {rules} --until {decision.expires_at:%Y-%m-%dT%H:%M} {who}"
    return f"mlreg {'approve' if decision.kind == 'approval' else 'reject'} {decision.version} {who}"


def _people_stay_erased(registry: Registry, made: Made) -> Finding:
    """No name that was erased is there again, from an older copy that was put back."""
    if back := names_that_are_back(registry, made.erased):
        seen = f"Names that were erased are in the directory again, from an older copy: {', '.join(back)}."
        commands = (f'mlreg people erase {person} --yes --reason "an older copy was put back"' for person in back)
        return Finding("erased people", "miss", seen, "; ".join(commands))
    return Finding("erased people", "ok", f"{len(made.erased)} people were erased; none of their names is back.")


def _versions_are_registered(registry: Registry, made: Made) -> Finding:
    """The registry knows each version that a run made, or a restore that lost it."""
    unknown = made.versions - {version.version for version in registry.versions()} - registry.lost_versions()
    if not unknown:
        return Finding("versions that runs made", "ok", "The registry knows each of them, or how it was lost.")
    seen = (
        f"Runs made {', '.join(sorted(unknown))}, which the registry does not know: an older copy of it "
        f"was put back, or DAGSTER_HOME names the event log of another home."
    )
    return Finding("versions that runs made", "miss", seen, 'mlreg restore --reason "an older copy was put back"')


def _versions_have_bundles(home: Home, made: Made | None) -> Iterator[Finding]:
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
    strays = [name for name in _folders(store, MODELS) if name not in registered]
    if kept := sorted(set(strays) & (home.registry.lost_versions() | (made.versions if made else set()))):
        seen = f"Runs made {', '.join(kept)} in {store.root / MODELS}, and the registry lacks them; keep them."
        yield Finding(
            "bundles that were registered", "waiting", seen, "Their names stay taken: mlreg train uses the next."
        )
    if strays := sorted(set(strays) - set(kept)):
        seen = f"Not registered: {', '.join(strays)} in {store.root / MODELS}. A training died, or still runs."
        yield Finding(
            "unregistered bundles",
            "miss",
            seen,
            set_aside(home.folder, *(store.root / MODELS / name for name in strays)),
        )


def _datasets_are_there(store: ArtifactStore, made: Made) -> Finding:
    """No dataset that a run froze was lost with an older copy of the artifacts."""
    lost = {kind: sorted(days - set(store.keys(kind))) for kind, days in made.datasets.items()}
    if not any(lost.values()):
        return Finding("datasets that runs froze", "ok", "All of them are there.")
    kinds = [kind for kind, days in lost.items() if days]
    days = sorted({day for each in lost.values() for day in each})
    command = f"dagster asset materialize -m mlreg_dagster.definitions --select {','.join(kinds)} --partition {days[0]}"
    seen = f"Runs froze {', '.join(kinds)} of {', '.join(days)}, which are not in {store.root} any more."
    return Finding("datasets that runs froze", "miss", seen, f"{_COPY}; without one: {command}")


def _models_in_use_score_soundly(home: Home) -> Iterator[Finding]:
    """Those that hold an alias: whether they score as they did when they were trained, and whether that is sound."""
    from mlreg_dagster.models.artifacts import artifact

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
        advice = f"{_COPY}; models that were trained on it go on without it."
        yield Finding("datasets", "miss", " ".join(broken), advice)
    else:
        days = store.keys(TRAINING)
        unused = len(set(days) - {day for _, day in named})
        yield Finding("datasets", "ok", f"{len(days)} days are intact; {unused} of them no version was trained on.")
    if half:
        seen = f"Without {store.root} knowing them as frozen: {', '.join(half)}."
        yield Finding("half datasets", "miss", seen, set_aside(home.folder, *(store.root / name for name in half)))
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
