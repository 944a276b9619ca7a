"""What a mirror holds, whether the registry asks for it or MLflow has it; nothing here knows either."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

NAME = "mlreg"
"""Of the experiment and of the registered model."""

OWN = "mlreg."
"""Tags and parameters that begin so are the mirror's; other tags are of people, and stay."""

SUBJECT = OWN + "subject"
"""A parameter, which MLflow never changes: what a run mirrors."""

FILES = OWN + "files_sha256"
"""A parameter: the hash over the files of a model as they were uploaded."""

VERSION = OWN + "version"
"""A tag of a version in MLflow: of which of ours it is the mirror."""

MARK = OWN + "written"
"""A tag: the hash of what was written, by which a change of others is told from what is not written yet."""

STATE, WRITING, WHOLE = OWN + "state", "writing", "whole"
"""A tag of the experiment: whether a sync is under way, or died; then what differs was not changed by others."""

REPLACED = OWN + "replaced"
"""A tag of a run in MLflow's trash, which another run took the place of."""

PLACEHOLDER = OWN + "placeholder"
"""A tag of a version in MLflow that is made and deleted to pass over its number, as the registry has none of it."""

REGISTRY = OWN + "registry"
"""A tag of the experiment: the first record of the audit log of the registry that is mirrored."""

PARENT = "mlflow.parentRunId"
"""MLflow's own tag: the id of the run above."""

MODEL = "model"
"""The folder of a run that holds a model."""


@dataclass(frozen=True)
class Point:
    """A value of a metric; `step` is the id of the evaluation."""

    value: float
    step: int
    timestamp: int


@dataclass(frozen=True)
class Dataset:
    """What a run read, by the first characters of its hash, as MLflow keeps no more."""

    name: str
    digest: str
    source: str
    context: str


@dataclass(frozen=True)
class Run:
    """A version, a study, a trial or a sweep.

    Attributes:
        name: As MLflow shows it.
        status: `FINISHED`, `KILLED` or `FAILED`.
        end: When it ended, in ms.
        params: By name.
        metrics: By name: the newest value.
        tags: Those of the mirror.
        datasets: What it read.
        parent: The subject of the run above it.
    """

    name: str
    status: str
    end: int
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    datasets: frozenset[Dataset] = frozenset()
    parent: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """All of it, flat: what is compared and hashed."""
        return {
            "name": self.name,
            "status": self.status,
            "end": self.end,
            "parent": self.parent,
            **{f"parameter {name}": value for name, value in self.params.items()},
            **{f"metric {name}": value for name, value in self.metrics.items()},
            **{f"tag {name}": value for name, value in self.tags.items()},
            **{f"dataset {each.name}": asdict(each) for each in self.datasets},
        }


@dataclass(frozen=True)
class Version:
    """A version of the registered model.

    Attributes:
        subject: Of the run that it comes from.
        description: A sentence.
        tags: Those of the mirror.
    """

    subject: str | None
    description: str
    tags: Mapping[str, str]

    @property
    def facts(self) -> dict[str, Any]:
        """All of it, flat."""
        tags = {f"tag {name}": value for name, value in self.tags.items()}
        return {"run": self.subject, "description": self.description, **tags}


@dataclass(frozen=True)
class Model:
    """The registered model.

    Attributes:
        description: Sentences.
        tags: Those of the mirror, each move of an alias among them.
        aliases: Alias to number.
    """

    description: str
    tags: Mapping[str, str]
    aliases: Mapping[str, int]

    @property
    def facts(self) -> dict[str, Any]:
        """All of it, flat."""
        return {
            "description": self.description,
            **{f"tag {name}": value for name, value in self.tags.items()},
            **{f"alias {name}": f"v{number}" for name, number in self.aliases.items()},
        }


@dataclass(frozen=True)
class History:
    """What is written of a run once, and not compared.

    Attributes:
        start: When it began, in ms; MLflow never changes it.
        points: Every value of each metric, of every evaluation that counts.
    """

    start: int
    points: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What MLflow should hold.

    Attributes:
        registry: The hash of the first record of the audit log.
        runs: By subject; a parent comes before those under it.
        histories: By subject.
        versions: By number.
        model: The registered model.
    """

    registry: str
    runs: Mapping[str, Run]
    histories: Mapping[str, History]
    versions: Mapping[int, Version]
    model: Model


def digest(facts: Mapping[str, Any]) -> str:
    """The hash over facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
