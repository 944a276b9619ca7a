"""Whether an evaluation was done as configured, or is an experiment.

An evaluation under other thresholds, another planting seed, another holdout or other code than those in force is
stored, shown as an experiment, and admits nothing.
"""

import functools
import hashlib
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.extensions import gates as extension
from mlreg_dagster.models.gates import CATALOGUE

_FOLDERS = (Path(__file__).parent, Path(__file__).parents[1] / "gates")
"""The folders whose code decides what a gate says, but for this module."""


class NoSource(MlregError):
    """A gate whose code can't be named in a record, as there is no file of it."""


def code_sha256() -> str:
    """Hash of the source of the modules that judge, those of plug-ins' gates included.

    Raises:
        NoSource: A gate was not defined in a file.
    """
    own = {CATALOGUE.module(name) for name in CATALOGUE.names if CATALOGUE.plugin(name)}
    return _hash_of(tuple(sorted(own)))


@functools.cache
def _hash_of(own: tuple[str, ...]) -> str:
    digest = hashlib.sha256(Path(extension.__file__).read_bytes())
    for path in (path for folder in _FOLDERS for path in sorted(folder.glob("*.py"))):
        if path != Path(__file__):
            digest.update(path.read_bytes())
    for module in own:
        digest.update(module.encode() + _source(module))
    return digest.hexdigest()


def _source(module: str) -> bytes:
    loaded = sys.modules.get(module)
    path = getattr(loaded, "__file__", None) or getattr(find_spec(module), "origin", None)
    if path is None or not Path(path).is_file():
        raise NoSource(
            f"A gate is defined in {module}, which is no file, so that evaluations could not record which code judged: "
            f"define it in a module."
        )
    return Path(path).read_bytes()


def departures(
    *,
    thresholds: Mapping[str, Any],
    in_force: Mapping[str, Any],
    holdout_day: str | None,
    dataset_day: str,
    code: str | None,
) -> tuple[str, ...]:
    """How an evaluation departs from the configuration in force; empty where it does not.

    Args:
        thresholds: The values of evaluation.yaml under which it was done, as plain JSON.
        in_force: Those in force.
        holdout_day: Day of the holdout; None where it is not known.
        dataset_day: Day of the dataset that the version was trained on, whose holdout counts.
        code: Hash of the code that judged; None where it is not known.
    """
    found = [
        f"{key} was {_at(thresholds, key)} instead of {_at(in_force, key)}"
        for key in sorted(_keys(thresholds) | _keys(in_force))
        if _at(thresholds, key) != _at(in_force, key)
    ]
    if holdout_day is not None and holdout_day != dataset_day:
        found.append(f"the holdout was {holdout_day} instead of {dataset_day}")
    if code is not None and code != code_sha256():
        found.append("the gates' code was another")
    return tuple(found)


def _keys(values: Mapping[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in values.items():
        found |= _keys(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}"}
    return found


def _at(values: Mapping[str, Any], key: str) -> Any:
    found: Any = values
    for part in key.split("."):
        found = found.get(part, "unset") if isinstance(found, Mapping) else "unset"
    return found
