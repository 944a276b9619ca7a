"""Sections 5 and 7 to 10: how a version serves, how to undo it, how to make it again, whom to call."""

import hashlib
from collections.abc import Sequence
from typing import Any

from mlreg_dagster.config import shipped
from mlreg_dagster.evidence.card.context import Known
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Text, Values, flat, when
from mlreg_dagster.evidence.reproduction import Reproduction
from mlreg_dagster.models.artifacts.artifact import library_versions
from mlreg_dagster.models.artifacts.verified import Frozen
from mlreg_dagster.models.names import CHAMPION

_MEGABYTE = 1e6
_RUNBOOK = "docs/runbook.md"
_NEEDED = ("settings", "features", "feature_settings", "threshold", "dataset_sha256", "libraries", "scores_from")


def serving(known: Known) -> Section:
    """How it scores, and whether it still can."""
    bundle, limits = known.bundle, known.settings.use_case.constraints
    missing = [f"The artifact can't be used: {bundle.problem}"] if bundle.problem else []
    if bundle.size > limits.max_model_mb * _MEGABYTE:
        missing.append(f"The bundle has {bundle.size:,} bytes; the use case allows {limits.max_model_mb:g} MB.")
    gates = {gate.name: gate for gate in known.evaluation.gates} if known.evaluation else {}
    speed = gates.get("scoring_latency")
    facts: tuple[Fact, ...] = (
        Text(
            "Every hour, the champion as of that hour scores all instruments of the hour (asset predictions), and the "
            "challenger in its shadow; an hour that is scored later is scored by the champion of then. The artifact is "
            "loaded by its registered hash, and no code from it is run."
        ),
        Values(
            "Scorer",
            {
                "pipeline": "pipeline.skops, whose types are on a list of trusted ones",
                "portable graph": "model.onnx" if known.model is not None and known.model.graph else "none",
                "of the graph it is said": known.version.manifest.get("graph", "made before there were graphs"),
                "bundle, bytes": bundle.size,
                "allowed, MB": limits.max_model_mb,
                "allowed latency, ms": limits.max_latency_ms,
                "measured latency": speed.detail if speed else "this risk tier does not ask for it",
                "intact and loads": bundle.problem is None,
            },
        ),
        Table(
            "Predictions so far, by the role in which it made them", [_predictions(row) for row in known.predictions]
        ),
        Text(
            "Release: an alias moves within one transaction, when promotion.yaml lets it (section 4); predictions "
            "follow from the alias's effective time on. Nothing is deployed besides."
        ),
    )
    return Section("serving", facts, tuple(missing))


def rollback(known: Known) -> Section:
    """When another one is trained, and how this one is taken back."""
    policy, way_back = known.settings.retraining, known.way_back
    mine = known.version.manifest["settings"]
    files = [name for name, each in known.settings.models.items() if each.model_dump(mode="json") == mine]
    again = [name for name in files if name in policy.models]
    return Section(
        "rollback",
        (
            Values(
                "Retraining",
                {
                    "its settings are those of": [f"{name}.yaml" for name in files] or "no config file of today",
                    "trained again by itself": bool(again),
                    "days between two trainings": policy.every_days,
                    "days after which the champion counts as stale": policy.champion_max_age_days,
                    "who becomes champion by itself": known.settings.promotion.automatic,
                },
            ),
            Values(
                "How to undo",
                {
                    "command": undo(known),
                    "would go back to": way_back.version or "nobody",
                    "tried out first": "the target's bytes, its scores of the newest hour, and its last day's scores",
                },
            ),
        ),
        (way_back.problem,) if way_back.problem else (),
    )


def reproducibility(known: Known) -> Section:
    """What it takes to make it again, and whether that was tried."""
    manifest, name = known.version.manifest, known.version.version
    missing = [f"The manifest does not name its {key}." for key in _NEEDED if manifest.get(key) is None]
    if known.training.problem:
        missing.append("The dataset that it was trained on can't be used (section 2).")
    if known.model is not None and dict(known.model.manifest) != manifest:
        missing.append("The manifest in the artifact is not the one in the registry.")
    then, now = manifest.get("libraries") or {}, library_versions()
    libraries = [
        {"library": each, "then": then.get(each), "now": now.get(each)} for each in sorted(then.keys() | now.keys())
    ]
    found = known.reproduction
    if known.model is not None and not (isinstance(found, Reproduction) and found.is_exact):
        missing += known.model.remarks
    command, unknown = f"mlreg retrain --verify {name}", []
    if found is None:
        tried: Fact = Text(
            f"`{command}` trains it again and compares all scores; so does `mlreg bundle {name} --verify`."
        )
        unknown.append("It was not trained again for this card: whether it can be made again is not known.")
    elif isinstance(found, str):
        tried = Text(f"Training it again failed: {found}")
        missing.append(f"It can't be trained again: {found}")
    else:
        tried = Values(
            "Trained again for this card",
            {
                "command": command,
                "rows scored by both": found.rows,
                "largest difference of a score": found.largest_difference,
                "thresholds": list(found.thresholds),
                "the same to the last bit": found.is_exact,
            },
        )
        if not found.is_exact:
            missing.append(f"Trained again it scores otherwise, by up to {found.largest_difference:g}.")
    return Section(
        "reproducibility",
        (
            Values("Code and seed", {"mlreg_dagster": then.get("mlreg_dagster"), "seed": manifest["settings"]["seed"]}),
            Table("Libraries", libraries),
            tried,
            Values("Manifest", flat(manifest), folded=True),
        ),
        tuple(missing),
        unknown=tuple(unknown),
    )


def operations(known: Known) -> Section:
    """Whose it is, whom to call, what to read then."""
    case, webhook = known.settings.use_case, known.settings.notifications.webhook_url
    runbook = shipped(_RUNBOOK)
    missing = [] if case.contacts else ["use_case.yaml names nobody to call when something is wrong."]
    if not runbook.is_file():
        missing.append(f"There is no {_RUNBOOK}.")
    if webhook is None and case.risk_tier == "high":
        missing.append("Notices of failed runs go to the log alone: notifications.yaml names no webhook.")
    facts: tuple[Fact, ...] = (
        Values(
            "Whose it is",
            {
                "owner": case.owner,
                "contacts": list(case.contacts),
                "told of failed runs": "whoever listens to the webhook" if webhook else "nobody: they stand in the log",
                "runbook": _RUNBOOK,
                "SHA-256 of the runbook": _sha256(runbook.read_bytes()) if runbook.is_file() else "none",
            },
        ),
        Table("What runs by itself", known.watch.automation),
    )
    return Section("operations", facts, tuple(missing))


def bundle(known: Known, others: Sequence[Section]) -> Section:
    """All files that the version is made of; complete if the other sections are."""
    parts = [known.bundle, known.training, *([known.holdout] if known.holdout else [])]
    rows = [_file(part, name, digest) for part in parts for name, digest in part.files.items()]
    missing = [f"Section {each.number} is incomplete: {each.title}." for each in others if each.missing]
    missing += [f"The files of {part.kind} {part.key} can't be listed." for part in parts if not part.files]
    against = [f"Section {each.number} speaks against it: {each.title}." for each in others if each.against]
    unknown = [f"Section {each.number} leaves things unknown: {each.title}." for each in others if each.unknown]
    files = Table("Files of the version, each with its SHA-256", rows)
    return Section("bundle", (files,), tuple(missing), tuple(against), tuple(unknown))


def undo(known: Known) -> str:
    """What to type to take the version back."""
    if CHAMPION not in known.aliases:
        return "nothing: it is not champion"
    if known.way_back.version is None:
        return "there is nobody to go back to"
    return f'mlreg rollback {known.way_back.version} --reason "…"'


def _predictions(row: Any) -> dict[str, Any]:
    return dict(row) | {name: when(row[name]) for name in ("first_hour", "last_hour")}


def _file(part: Frozen, name: str, digest: str) -> dict[str, Any]:
    return {"bundle": f"{part.kind}/{part.key}", "file": name, "SHA-256": digest}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
