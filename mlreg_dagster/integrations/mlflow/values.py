"""Values of ours as MLflow takes them: texts of a limited length, names of a limited alphabet, times in ms."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mlreg_dagster.core.nested import flat

LONGEST_PARAM, LONGEST_TAG = 5900, 4900
_STRANGE = re.compile(r"[^\w\-. :/]")


def text_of(value: Any, longest: int) -> str:
    """A value as a text; one that is too long is cut, and ends in its hash."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(text.encode()) <= longest:
        return text
    ending = f"… sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return text.encode()[: longest - len(ending.encode())].decode(errors="ignore") + ending


def params_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Nested values as parameters under dotted names."""
    return {name_of(name): text_of(value, LONGEST_PARAM) for name, value in flat(values)}


def numbers_of(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The finite numbers of nested values, under dotted names."""
    for name, value in flat(values):
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield name_of(name), float(value)


def name_of(name: str) -> str:
    """A name of letters, digits and the few other characters that MLflow takes."""
    return _STRANGE.sub("_", name)[:250]


def milliseconds(time: datetime) -> int:
    """A time as MLflow keeps it."""
    return round(time.timestamp() * 1000)
