"""Which failures are tried again: those that pass by themselves, and no others."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import dagster as dg

from mlreg_dagster.errors import TransientError

MAX_RETRIES = 3
WAIT_S = 30

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def retried(compute: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Let Dagster repeat an asset's step after a `TransientError`; every other error fails it at once."""

    @functools.wraps(compute)
    def with_retries(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            return compute(*args, **kwargs)
        except TransientError as error:
            raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=WAIT_S) from error

    return with_retries
