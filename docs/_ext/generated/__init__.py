"""Fills in what the code itself knows: `<!-- generated: NAME -->` on a page becomes Markdown made from the package.

Nothing is written to disk, so nothing can go stale. An unknown NAME, or one whose generator fails, fails the build.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generated import api, assets, commands, configuration, graph_picture, layers, tables

GENERATORS: dict[str, Callable[[], str]] = {
    "api": api.markdown,
    "assets": assets.markdown,
    "asset-graph": graph_picture.picture,
    "commands": commands.markdown,
    "configuration": configuration.markdown,
    "layers": layers.picture,
    "tables": tables.markdown,
}
_PLACE = re.compile(r"^<!-- generated: (\S+) -->$", re.MULTILINE)


def filled_in(source: str) -> str:
    """A page with every place filled in.

    Raises:
        KeyError: A page asks for what nothing generates.
    """
    return _PLACE.sub(lambda place: GENERATORS[place[1]](), source)


def _on_source_read(_app: Any, _page: str, source: list[str]) -> None:
    source[0] = filled_in(source[0])


def _pages_with_places(_app: Any, env: Any, *_: object) -> list[str]:
    """Pages that are read at every build: what they show changes with the package, not with their file."""
    return [page for page in env.found_docs if _PLACE.search(Path(env.doc2path(page)).read_text(encoding="utf-8"))]


def setup(app: Any) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("env-get-outdated", _pages_with_places)
    app.connect("source-read", _on_source_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
