"""Compiles loops by Numba, for what NumPy can't express; the loops themselves stand in the rooms."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def compiled(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Compile a function; the result is kept beside its file, or in the user's cache, for the next process.

    It holds no lock of the interpreter, so several threads may run it, and it rounds as NumPy does: nothing is
    reordered or fused.
    """
    try:
        loop = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # nowhere to write to, as in a read-only container: each process compiles it again
        loop = njit(nogil=True)(function)
    return cast(Callable[_Arguments, _Result], loop)
