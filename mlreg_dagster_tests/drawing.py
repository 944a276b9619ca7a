"""Whether figures are drawn in the process of the tests: only where a test looks at a picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mlreg_dagster.core.display import plotting

_DRAW = plotting._data_uri
_UNDRAWN = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="


@contextmanager
def drawing(is_drawn: bool) -> Iterator[None]:
    """Draw each figure, or compose it and draw no pixel of it, which saves a sixth of a replay."""

    def draw(figure: Any) -> str:
        return _DRAW(figure) if is_drawn else _UNDRAWN

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plotting, "_data_uri", draw)
        yield
