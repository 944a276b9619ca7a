"""How the mirror lies in its folder: names, and what each file says; rows are written and read elsewhere.

    mirror/form.json                                    all tables of the home are mirrored
    mirror/behind.json                                  days of which rows were stored that the mirror may not have yet
    mirror/tables/<table>/columns.json                  the table's columns
    mirror/tables/<table>/2026-01.<version>.parquet     a month that has ended
    mirror/tables/<table>/2026-01-05.<version>.parquet  a day
    mirror/tables/<table>/all.<version>.parquet         a table without times

A file of rows is never changed. The newest version of a day or month counts, and of a day and its month the newer one;
what is superseded stays for a short while, for readers who have begun to read it. There is one writer at a time, the
holder of the tables' lock.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from mlreg_dagster.storage import private_files

FORM = 1
ALL = "all"
"""The name of the only piece of a table without times; as a day that is behind: every day of the table."""

_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)
_FILE = re.compile(r"(\d{4}-\d{2}(?:-\d{2})?|all)\.(\d+)\.parquet", re.ASCII)
_DRAFT = re.compile(rf"\.(form\.json|behind\.json|columns\.json|{_FILE.pattern})\.draft", re.ASCII)


@dataclass(frozen=True)
class Columns:
    """What a mirrored table looks like.

    Attributes:
        types: Name to DuckDB type, in the table's order.
        time: The column whose day says in which file a row lies; None where the table has none.
        grown: Whether files may lack columns that the table gained later; they are null there.
    """

    types: dict[str, str]
    time: str | None
    grown: bool = False


@dataclass(frozen=True, order=True)
class Piece:
    """A file of rows.

    Attributes:
        version: When it was written, in ms since 1970; more, where an earlier one was written in the same moment.
        name: The day or month, or `ALL`.
    """

    version: int
    name: str

    @property
    def file(self) -> str:
        """Its name in the folder of its table."""
        return f"{self.name}.{self.version}.parquet"


class Pieces:
    """The files of a table.

    Args:
        files: What lies there.

    Attributes:
        months: The months that count.
        days: The days that count, or `ALL`; those of a month in `months` take the place of its rows.
        superseded: What does not count, to the version that took its place first.
    """

    def __init__(self, files: Sequence[Piece] = ()) -> None:
        versions: dict[str, list[int]] = {}
        for piece in files:
            versions.setdefault(piece.name, []).append(piece.version)
        self.months: dict[str, Piece] = {}
        self.days: dict[str, Piece] = {}
        self.superseded: dict[Piece, int] = {}
        for piece in files:
            later = {*versions[piece.name], *versions.get(month_of(piece.name), ())}
            if by := [version for version in later if version > piece.version]:
                self.superseded[piece] = min(by)
            else:
                (self.months if is_month(piece.name) else self.days)[piece.name] = piece

    @property
    def all(self) -> list[Piece]:
        """Every file."""
        return [*self.months.values(), *self.days.values(), *self.superseded]

    @property
    def version(self) -> int:
        """That of the newest file; 0 where there is none."""
        return max((piece.version for piece in self.all), default=0)


class Layout:
    """The folder of a mirror.

    Args:
        root: It need not be there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.tables = self.root / "tables"

    @property
    def is_complete(self) -> bool:
        """Whether all tables are mirrored; not so in a home of an earlier release that has not been written since."""
        return bool(self._json(self.root / "form.json") == {"form": FORM})

    def set_complete(self) -> None:
        """Say that all tables are mirrored."""
        write_json(self.root / "form.json", {"form": FORM})

    def set_incomplete(self) -> None:
        """Say that tables may be missing; their next write mirrors all of them."""
        (self.root / "form.json").unlink(missing_ok=True)

    def behind(self) -> dict[str, frozenset[str]]:
        """By table the days of which the mirror may lack rows that are stored."""
        path = self.root / "behind.json"
        if not path.exists():
            return {}
        found = self._json(path)
        if not isinstance(found, dict):  # cut short by a loss of power: which days is not known
            return {name: frozenset([ALL]) for name in self.names()}
        return {name: frozenset(days) for name, days in found.items()}

    def set_behind(self, behind: Mapping[str, frozenset[str]]) -> None:
        """Say of which days the mirror may lack rows."""
        path = self.root / "behind.json"
        if behind:
            write_json(path, {name: sorted(days) for name, days in behind.items()})
        else:
            path.unlink(missing_ok=True)

    def names(self) -> list[str]:
        """The tables that are mirrored."""
        with suppress(FileNotFoundError):
            return sorted(each.name for each in os.scandir(self.tables) if each.is_dir(follow_symlinks=False))
        return []

    def columns(self, table: str) -> Columns | None:
        """What a table looks like; None where it is not mirrored."""
        found = self._json(self.tables / table / "columns.json")
        return Columns(**found) if isinstance(found, dict) else None

    def set_columns(self, table: str, columns: Columns) -> None:
        """Say what a table looks like."""
        content = {"types": columns.types, "time": columns.time, "grown": columns.grown}
        write_json(self.tables / table / "columns.json", content)

    def pieces(self, table: str) -> Pieces:
        """The files of a table; none where it is not mirrored."""
        found = self._listed(table)
        while (again := self._listed(table)) != found:  # a list that was read while files came and went has gaps
            found = again
        return Pieces(found)

    def _listed(self, table: str) -> list[Piece]:
        try:
            with os.scandir(self.tables / table) as entries:
                found = [_FILE.fullmatch(entry.name) for entry in entries]
        except FileNotFoundError:
            return []
        return sorted(Piece(int(each[2]), each[1]) for each in found if each)

    def path(self, table: str, piece: Piece) -> Path:
        """The file of a day or month, or of `ALL`."""
        return self.tables / table / piece.file

    def folders(self) -> list[Path]:
        """The folders in which files lie; none of them need be there."""
        return [self.root, *(self.tables / name for name in self.names())]

    @staticmethod
    def is_draft(name: str) -> bool:
        """Whether a name is that of a file which is being written, or was left by a process that died."""
        return _DRAFT.fullmatch(name) is not None

    @staticmethod
    def _json(path: Path) -> Any:
        try:
            return json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Put a file in the place of the one that is there."""
    private_files.make_folder(path.parent)
    draft = draft_of(path)
    private_files.write(draft, json.dumps(content).encode())
    draft.replace(path)


def draft_of(path: Path) -> Path:
    """Where a file is written before it gets its name; left by a process that died."""
    return path.with_name(f".{path.name}.draft")


def is_month(name: str) -> bool:
    """Whether a name is that of a month."""
    return _MONTH.fullmatch(name) is not None


def month_of(day: str) -> str:
    """The month of a day, by their names."""
    return day[:7]


def bounds(piece: str) -> tuple[date, date]:
    """The first day of a day or month, and the first one after it."""
    year, month = int(piece[:4]), int(piece[5:7])
    if is_month(piece):
        return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
    first = date.fromisoformat(piece)
    return first, date.fromordinal(first.toordinal() + 1)
