"""The rooms, from the layers that import-linter keeps."""

import tomllib
from html import escape
from pathlib import Path

_PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
_WIDTH, _HEIGHT, _STEP = 620, 26, 32


def layers() -> list[list[str]]:
    """From the top, which may import everything below, to the bottom; rooms of one layer beside each other."""
    settings = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    written = next(each["layers"] for each in contracts if each["type"] == "layers")
    return [[room.strip(" ()") for room in layer.replace(":", "|").split("|")] for layer in written]


def picture() -> str:
    """The layers as inline SVG."""
    rows = []
    for number, rooms in enumerate(layers()):
        width = (_WIDTH - 8 * (len(rooms) - 1)) / len(rooms)
        for place, room in enumerate(rooms):
            x, y = 24 + place * (width + 8), number * _STEP
            rows.append(
                f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{_HEIGHT}" rx="5" fill="#4c78a8" '
                f'fill-opacity="0.13" stroke="#4c78a8"/><text x="{x + width / 2:.0f}" y="{y + 17}" '
                f'text-anchor="middle" fill="currentColor">{escape(room)}</text>'
            )
    height = len(layers()) * _STEP
    return "\n".join(
        [
            "```{raw} html",
            f'<svg viewBox="0 0 {_WIDTH + 26} {height}" role="img" aria-label="The layers of the package" '
            'style="max-width:44rem;width:100%;height:auto;font-family:monospace;font-size:12px">',
            '<defs><marker id="down" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="currentColor"/></marker></defs>',
            f'<path d="M10 4 L10 {height - 8}" stroke="currentColor" marker-end="url(#down)"/>',
            *rows,
            "</svg>",
            "```",
        ]
    )
