"""What all settings are made of: checked as a whole, overridden like a file, with errors that name the key."""

from collections.abc import Mapping
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator
from pydantic_core import to_json

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import NotAnHour, read_hour
from mlreg_dagster.core.untrusted.redaction import names_a_secret
from mlreg_dagster.core.untrusted.text import one_line

_LONGEST_FOUND = 200
_Validated = TypeVar("_Validated", bound=BaseModel)


class ConfigError(MlregError):
    """A configuration value that can't be used; the message names file, key and what is allowed."""


def _whole_hour(value: object, _: object) -> datetime:
    if not isinstance(value, str | datetime):
        raise ValueError("must be a time, written as 2017-12-20T00:00")
    try:
        return read_hour(value)
    except NotAnHour as error:
        raise ValueError(str(error)) from error


Hour = Annotated[datetime, WrapValidator(_whole_hour)]
Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A file, or a part of one: immutable; unknown keys, infinities and NaN are rejected."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=(), hide_input_in_errors=True
    )

    def override(self, values: Mapping[str, Any], where: str = "run config") -> Self:
        """A copy with some values replaced, checked like a file; `where` is named in errors.

        A value that was left out gets its default again: it may depend on a replaced one.

        Raises:
            ConfigError: An unknown key, a wrong type or an impossible value.
        """
        return validated(type(self), _merged(_given(self), values), where)


def validated(cls: type[_Validated], values: Mapping[str, Any], where: str) -> _Validated:
    """Values as a section of class `cls`; `where` they come from is named in errors.

    Strict, so that `universe: yes` is an error and not 1; through JSON, which knows times as text.

    Raises:
        ConfigError: An unknown key, a wrong type or an impossible value.
    """
    try:
        return cls.model_validate_json(to_json(values), strict=True)
    except ValidationError as error:
        problems = []
        for item in error.errors():
            if item["type"] == "default_factory_not_called":
                continue  # which follows from another problem that is named
            key = ".".join(str(part) for part in item["loc"])
            if item["type"] == "extra_forbidden":
                known = _class_at(cls, item["loc"][:-1]).model_fields
                problems.append(f"{key}: unknown key; allowed are {', '.join(known)}")
            else:
                found = _found(item["loc"], item["input"]) if key else ""
                problems.append(f"{key or 'as a whole'}: {item['msg'].removeprefix('Value error, ')}{found}")
        raise ConfigError(f"{where}: {'; '.join(problems)}.") from None  # whose cause would show every value
    except ValueError as error:
        raise ConfigError(f"{where}: {error}.") from error


def _found(location: tuple[int | str, ...], value: object) -> str:
    """What was found, unless it may be a secret: by the name of its setting, or because it is an address."""
    shown = repr(value)
    if any(names_a_secret(str(part)) for part in location) or "://" in shown:
        return " (what was found may be a secret and is not shown)"
    return f" (found {one_line(shown, _LONGEST_FOUND)})"


def _given(value: Any) -> Any:
    """What was given, with the sections in it as mappings: also what they leave out of records, which are dumps."""
    if isinstance(value, BaseModel):
        names = (name for name in type(value).model_fields if name in value.model_fields_set)
        return {name: _given(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {name: _given(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_given(each) for each in value]
    return value


def _merged(base: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        nested = isinstance(value, Mapping) and isinstance(base.get(key), dict) and key != "params"
        merged[key] = _merged(base[key], value) if nested else value
    return merged


def _class_at(cls: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    for part in location:
        if isinstance(part, int):  # the class of a list's elements is reached by the list's name
            continue
        inner = cls.model_fields[part].annotation
        if get_origin(inner) in (tuple, Union, UnionType):  # a list's elements, or a block that may be null
            inner = get_args(inner)[0]
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        cls = inner
    return cls
