"""Values as JSON has them, for every output that programs read."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

_NOT_A_LETTER = re.compile(r"[^a-z0-9.]+")


def plain(value: Any) -> Any:
    """A value as JSON has it: times in ISO 8601 with their offset, what is undefined as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, datetime):
        return value.isoformat() if value == value else None  # NaT is not equal to itself
    return value.item() if hasattr(value, "item") else value


def snake_case(words: str) -> str:
    """Words as a key; dots between nested names stay."""
    return _NOT_A_LETTER.sub("_", words.lower()).strip("_")


def with_stable_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values under keys in snake_case; as they were spelled where two would become one."""
    keys = [snake_case(name) for name in values]
    names = keys if len(set(keys)) == len(keys) and all(keys) else values
    return {str(name): plain(value) for name, value in zip(names, values.values(), strict=True)}
