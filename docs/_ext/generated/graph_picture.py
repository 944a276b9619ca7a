"""The asset graph as inline SVG: a row for each kind of partition, a colour for each group."""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

import dagster as dg

from generated.assets import graph, partitions_of

_ROWS = ("hour", "day", "model version", "not partitioned")
_COLOURS = ("#4c78a8", "#2a9d8f", "#54a24b", "#e0a93f", "#b279a2", "#e45756", "#9d755d", "#6b6ecf")
_WIDTH, _HEIGHT, _STEP_X, _STEP_Y, _LEFT, _TOP = 148, 34, 184, 86, 112, 34


class _Box(NamedTuple):
    row: int
    column: int
    colour: str

    @property
    def x(self) -> int:
        return _LEFT + self.column * _STEP_X

    @property
    def y(self) -> int:
        return _TOP + self.row * _STEP_Y


def picture() -> str:
    """The whole picture."""
    boxes = _boxes()
    colours = dict.fromkeys((graph().get(key).group_name or "", box.colour) for key, box in boxes.items())
    width = max(box.x for box in boxes.values()) + _WIDTH + 8
    height = _TOP + len(_ROWS) * _STEP_Y
    arrows = [
        _arrow(boxes[parent], box)
        for key, box in boxes.items()
        for parent in sorted(graph().get(key).parent_keys)
        if parent != key
    ]
    legend = "".join(f'<tspan fill="{colour}">■</tspan> {escape(group)} &#160; ' for group, colour in colours)
    return "\n".join(
        [
            "```{raw} html",
            f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="The asset graph" '
            'style="width:100%;height:auto;font-family:sans-serif;font-size:12.5px;margin:1em 0">',
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="currentColor" opacity="0.7"/></marker></defs>',
            *(_row(number, name) for number, name in enumerate(_ROWS)),
            *arrows,
            *(_box(key, box) for key, box in boxes.items()),
            f'<text x="{_LEFT}" y="{height - 8}" fill="currentColor">{legend}</text>',
            "</svg>",
            "```",
        ]
    )


def _boxes() -> Mapping[dg.AssetKey, _Box]:
    """In each row from left to right in the order of the graph; the colour follows the group."""
    groups = list(dict.fromkeys(graph().get(key).group_name for key in graph().toposorted_asset_keys))
    filled = dict.fromkeys(range(len(_ROWS)), 0)
    boxes = {}
    for key in graph().toposorted_asset_keys:
        row = _ROWS.index(partitions_of(key))
        boxes[key] = _Box(row, filled[row], _COLOURS[groups.index(graph().get(key).group_name) % len(_COLOURS)])
        filled[row] += 1
    return boxes


def _row(number: int, name: str) -> str:
    y = _TOP + number * _STEP_Y + _HEIGHT / 2 + 4
    return f'<text x="0" y="{y}" fill="currentColor" opacity="0.65">{escape(name)}</text>'


def _box(key: dg.AssetKey, box: _Box) -> str:
    shape = f'<rect x="{box.x}" y="{box.y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"'
    return (
        f'{shape} fill="var(--color-background-primary, #fff)"/>'  # hides the arrows behind it
        f'{shape} fill="{box.colour}" fill-opacity="0.16" stroke="{box.colour}"/>'
        f'<text x="{box.x + _WIDTH / 2}" y="{box.y + 21}" text-anchor="middle" fill="currentColor">'
        f"{escape(key.to_user_string())}</text>"
    )


def _arrow(start: _Box, end: _Box) -> str:
    """Along the row to the next box, over the row to a further one, else from edge to edge."""
    if start.row == end.row and end.column == start.column + 1:
        path = f"M{start.x + _WIDTH} {start.y + _HEIGHT / 2} L{end.x} {end.y + _HEIGHT / 2}"
    elif start.row == end.row:
        x, u, y = start.x + _WIDTH / 2, end.x + _WIDTH / 2, start.y
        path = f"M{x} {y} C{x + 40} {y - 34} {u - 40} {y - 34} {u} {y}"
    else:
        down = end.row > start.row
        x, y = start.x + _WIDTH / 2, start.y + (_HEIGHT if down else 0)
        u, v = end.x + _WIDTH / 2, end.y + (0 if down else _HEIGHT)
        bend = 40 if down else -40
        path = f"M{x} {y} C{x} {y + bend} {u} {v - bend} {u} {v}"
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity="0.45" marker-end="url(#head)"/>'
