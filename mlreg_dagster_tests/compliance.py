"""docs/compliance.md, made of the requirements of the card's sections and of compliance.yaml.

To write it again: python -m mlreg_dagster_tests.compliance
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlreg_dagster.evidence.card.catalogue import REQUIREMENTS
from mlreg_dagster.evidence.card.elements import SECTIONS
from mlreg_dagster_tests.repository import PROJECT_DIR

PAGE = PROJECT_DIR / "docs" / "compliance.md"
_ROWS = Path(__file__).with_suffix(".yaml")

_HEAD = """# Compliance

What reviewers ask of a model, where they find it, and what people must do outside of this software. A checklist, and no
legal advice: whether a use is high-risk, and which rules apply to it, lawyers decide.

Sources: SR 11-7 (Board of Governors of the Federal Reserve System, 2011), by its sections; the EU AI Act (Regulation
2024/1689) and the GDPR (Regulation 2016/679), by articles; ISO/IEC 42001:2023, Annex A; NIST AI RMF 1.0,
by its subcategories; Mitchell et al. 2019 (*Model Cards for Model Reporting*), by its sections.

`mlreg bundle` writes what is on record of a version, `mlreg dossier` the documents of the delivery workflow with what
people still have to write. Fields are those of [card.json](machine.md#facts-of-a-card).
"""
_REQUIRED = """
## Required of a version

Each is a requirement of a section of the card. What is missing in the risk tiers named makes the section incomplete,
and the asset check of the section fails. Results stand in `card.json` under `sections.<section>.requirements.<key>`.
"""
_RECORDED = """
## On record, or done by a command

Fields are `section.fact`: `sections.<section>.facts.<fact>` in `card.json`.
"""
_OUTSIDE = """
## Outside of this software
"""


@dataclass(frozen=True)
class Row:
    """A line of compliance.yaml."""

    what: str
    sources: tuple[str, ...]
    facts: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    outside: str = ""


def rows() -> list[Row]:
    """Every line of compliance.yaml."""
    read = yaml.safe_load(_ROWS.read_text(encoding="utf-8"))
    return [
        Row(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}) for row in read
    ]


def page() -> str:
    """The page as it should be."""
    number = iter(range(1, 1000))
    kept = rows()
    required = _table(
        ("no.", "section", "requirement", "key", "tiers", "sources"),
        (
            (
                next(number),
                SECTIONS[each.section],
                each.text,
                f"`{each.key}`",
                ", ".join(each.tiers),
                _sources(each.sources),
            )
            for key in SECTIONS
            for each in REQUIREMENTS
            if each.section == key
        ),
    )
    recorded = _table(
        ("no.", "requirement", "field", "command", "sources"),
        (
            (next(number), each.what, _code(each.facts), _code(each.commands), _sources(each.sources))
            for each in kept
            if not each.outside
        ),
    )
    outside = _table(
        ("no.", "requirement", "who must do it", "sources"),
        ((next(number), each.what, each.outside, _sources(each.sources)) for each in kept if each.outside),
    )
    return f"{_HEAD}{_REQUIRED}\n{required}{_RECORDED}\n{recorded}{_OUTSIDE}\n{outside}"


def _table(names: Sequence[str], lines: Iterator[tuple[Any, ...]]) -> str:
    head = [names, ["---"] * len(names)]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in [*head, *lines])


def _code(texts: Sequence[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def _sources(texts: Sequence[str]) -> str:
    return "; ".join(texts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
