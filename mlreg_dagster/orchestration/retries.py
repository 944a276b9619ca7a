"""Which failures are tried again: those that pass by themselves, and no others."""

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from inspect import isgeneratorfunction
from typing import ParamSpec, TypeVar, cast

import dagster as dg

from mlreg_dagster.core.errors import TransientError
from mlreg_dagster.orchestration.resources import WarehouseResource

MAX_RETRIES = 3
WAIT_S = 30

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def retried(compute: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Let Dagster repeat a step, an asset's or a check's, after a `TransientError`; other errors fail it at once."""

    @functools.wraps(compute)
    def with_retries(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        with _retry_requested(kwargs.values()):
            return compute(*args, **kwargs)

    @functools.wraps(compute)
    def yields_with_retries(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Iterator[object]:
        with _retry_requested(kwargs.values()):
            yield from cast("Iterator[object]", compute(*args, **kwargs))

    return cast("Callable[_Arguments, _Result]", yields_with_retries) if isgeneratorfunction(compute) else with_retries


@contextmanager
def _retry_requested(resources: Iterable[object]) -> Iterator[None]:
    try:
        yield
    except TransientError as error:
        for resource in resources:
            if isinstance(resource, WarehouseResource):
                resource.release()  # others should not wait along
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=WAIT_S) from error
