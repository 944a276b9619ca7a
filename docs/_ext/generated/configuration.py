"""The configuration files, from the settings classes that check them."""

import inspect
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from generated.markdown import cell, code, table
from mlreg_dagster.config import ModelSettings, Settings

_LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
Schema = Mapping[str, Any]
Row = tuple[str, str]
_CONFIGS = Path(__file__).parents[3] / "configs"
_LINE = re.compile(r"(?P<indent> *)(?P<key>\w+):.*?(?:\s#\s*(?P<comment>.*))?$")


def markdown() -> str:
    """Each file: what it is for, and its keys."""
    return "\n".join(_file(name, cls) for name, cls in files().items())


def files() -> dict[str, type[BaseModel]]:
    """File name without `.yaml` to its class."""
    return {
        "model" if name == "models" else name: ModelSettings if name == "models" else field.annotation
        for name, field in Settings.model_fields.items()
    }


def _file(name: str, cls: type[BaseModel]) -> str:
    about = inspect.cleandoc(cls.__doc__ or "").split("\n\nAttributes:")[0].removeprefix(f"{name}.yaml: ")
    return "\n".join(
        [
            f"## {name}.yaml\n",
            f"{about[:1].upper()}{about[1:]}\n",
            table(("key", "meaning and values"), rows_of(name, cls)),
        ]
    )


def rows_of(name: str, cls: type[BaseModel]) -> list[Row]:
    """One row a key; keys of nested blocks are dotted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a default that JSON schema can't hold; it is taken from the class
        schema = cls.model_json_schema()
    comments = comments_of((_CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    rows = _rows(schema, schema.get("$defs", {}), cls().model_dump(mode="json"), "")
    return [(code(key), _in_words(meaning or comments.get(key, ""), values)) for key, values, meaning in rows]


def _in_words(meaning: str, values: str) -> str:
    return f"{meaning[:1].upper()}{cell(meaning[1:])}{'<br>' if meaning else ''}*{values}*"


def comments_of(text: str) -> dict[str, str]:
    """Dotted key to the comment on its line and on the comment lines below it."""
    comments: dict[str, str] = {}
    parents: list[tuple[int, str]] = []
    key = ""
    for line in text.splitlines():
        stripped = line.strip()
        if match := _LINE.match(line):
            indent = len(match["indent"])
            parents = [(depth, each) for depth, each in parents if depth < indent] + [(indent, match["key"])]
            key = ".".join(each for _, each in parents)
            comments[key] = match["comment"] or ""
        elif stripped.startswith("#") and line.startswith("      ") and key:
            comments[key] += f" {stripped.lstrip('# ')}"
        else:
            key = ""
    return comments


def _rows(block: Schema, blocks: Mapping[str, Schema], defaults: Any, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Key, values, meaning."""
    required = block.get("required", ())
    for name, value in block["properties"].items():
        key = f"{prefix}{name}"
        default = defaults[name] if isinstance(defaults, Mapping) and name in defaults else value.get("default")
        if inner := _block(value, blocks):
            yield from _rows(inner, blocks, default, f"{key}.")
            continue
        shown = "required" if name in required else f"default {code(json.dumps(default, ensure_ascii=False))}"
        yield key, f"{cell(_values(value))}; {shown}", value.get("description", "")
        for step, nested in (
            ("[].", value.get("items")),
            (".NAME.", value.get("additionalProperties")),
            (".", next((each for each in value.get("anyOf", ()) if "$ref" in each), None)),
        ):
            if isinstance(nested, Mapping) and (inner := _block(nested, blocks)):
                yield from _rows(inner, blocks, None, f"{key}{step}")


def _block(value: Schema, blocks: Mapping[str, Schema]) -> Schema | None:
    reference = value.get("$ref")
    return blocks[reference.rpartition("/")[2]] if reference else None


def _values(value: Schema) -> str:
    """Type and range in words."""
    if "$ref" in value:
        return "block"
    if "anyOf" in value:
        return " or ".join(_values(each) for each in value["anyOf"])
    if "enum" in value:
        return ", ".join(code(str(each)) for each in value["enum"])
    if "const" in value:
        return code(str(value["const"]))
    kind = {"object": "mapping"}.get(value.get("type", "any"), value.get("type", "any"))
    if kind == "array":
        items = value.get("items") or next(iter(value.get("prefixItems", [{}])))
        return f"list of {_values(items)}" if items and "$ref" not in items else "list"
    if kind == "string":
        kind = "time (UTC)" if value.get("format") == "date-time" else "text"
    limits = [f"{sign} {value[name]:g}" for name, sign in _LIMITS.items() if name in value]
    return f"{kind} {', '.join(limits)}".strip()
