"""Whether an evaluation was done as configured, or is an experiment.

An evaluation under other thresholds, another planting seed, another holdout or other code than those in force is
stored, shown as an experiment, and admits nothing.
"""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlreg_dagster.extensions import gates as extension
from mlreg_dagster.extensions.registration.source_files import source_of
from mlreg_dagster.models.gates import CATALOGUE

_FOLDERS = (Path(__file__).parent, Path(__file__).parents[1] / "gates")
"""The folders whose code decides what a gate says."""

_JUDGES_NOTHING = (Path(__file__), Path(__file__).with_name("attempts.py"))
"""Modules there that only tell of evaluations."""


def code_sha256() -> str:
    """Hash of the source of the modules that judge, and of the plug-ins that register a gate.

    Of a plug-in the Python files that belong together count, see `source_of`, and the version of its distribution. What
    it depends on beyond, such as third-party libraries and data files, does not.

    Raises:
        NoSource: A gate was not defined in a file.
    """
    own = {(CATALOGUE.module(name), str(plugin)) for name in CATALOGUE.names if (plugin := CATALOGUE.plugin(name))}
    return _hash_of(tuple(sorted(own)))


@functools.cache
def _hash_of(own: tuple[tuple[str, str], ...]) -> str:
    digest = hashlib.sha256(Path(extension.__file__).read_bytes())
    for path in (path for folder in _FOLDERS for path in sorted(folder.glob("*.py"))):
        if path not in _JUDGES_NOTHING:
            digest.update(path.read_bytes())
    for module, plugin in own:
        digest.update(f"{module} {plugin}\n".encode())
    for part in source_of(module for module, _ in own):
        digest.update(part)
    return digest.hexdigest()


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
