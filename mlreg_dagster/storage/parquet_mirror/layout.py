"""How the mirror lies in its folder: names, and what each file says; rows are written and read elsewhere.

    mirror/form.json                              all tables of the home are mirrored
    mirror/behind.json                            days of which rows were stored that the mirror may not have yet
    mirror/tables/<table>/columns.json            the table's columns
    mirror/tables/<table>/2026-01.parquet         a month that has ended
    mirror/tables/<table>/2026-01-05.parquet      a day, in the place of the month's rows of that day
    mirror/tables/<table>/all.parquet             a table without times

Files are replaced as a whole by one writer at a time, the holder of the tables' lock.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.mirror import draft_of

FORM = 1
ALL = "all"
"""The name of the only piece of a table without times; as a day that is behind: every day of the table."""

_DAY, _MONTH = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{4}-\d{2}")
_DRAFT = re.compile(r"\.(form\.json|behind\.json|columns\.json|(\d{4}-\d{2}(-\d{2})?|all)\.parquet)\.draft")
_LARGEST = 1 << 26

Stamp = tuple[int, int, int]
"""Of a file: what differs once it was replaced."""


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


@dataclass(frozen=True)
class Pieces:
    """The files of a table, by the name of the day or month, each with its stamp.

    Attributes:
        days: By day, or `ALL`.
        months: By month.
    """

    days: dict[str, Stamp] = field(default_factory=dict)
    months: dict[str, Stamp] = field(default_factory=dict)

    def written_at(self) -> int:
        """When the newest of them was written, in ns; 0 where there is none."""
        return max((stamp[1] for stamp in (*self.days.values(), *self.months.values())), default=0)


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
        found = Pieces()
        with suppress(FileNotFoundError):
            for entry in os.scandir(self.tables / table):
                name = entry.name.removesuffix(".parquet")
                is_day = name == ALL or _DAY.fullmatch(name)
                if name == entry.name or not (is_day or is_month(name)):
                    continue
                with suppress(FileNotFoundError):  # taken back since it was listed
                    seen = entry.stat(follow_symlinks=False)
                    stamp = seen.st_ino, seen.st_mtime_ns, seen.st_size
                    (found.days if is_day else found.months)[name] = stamp
        return found

    def path(self, table: str, piece: str) -> Path:
        """The file of a day or month, or of `ALL`."""
        return self.tables / table / f"{piece}.parquet"

    def drafts(self) -> Iterator[Path]:
        """What processes that died, or are at work, have left unfinished."""
        for folder in (self.root, *(self.tables / name for name in self.names())):
            if folder.is_dir() and not folder.is_symlink():
                yield from (path for path in sorted(folder.iterdir()) if _DRAFT.fullmatch(path.name))

    @staticmethod
    def _json(path: Path) -> Any:
        try:
            return json.loads(regular_files.read(path, _LARGEST))
        except (FileNotFoundError, ValueError):
            return None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Put a file in the place of the one that is there."""
    private_files.make_folder(path.parent)
    draft = path.with_name(draft_of(path.name))
    private_files.write(draft, json.dumps(content).encode())
    draft.replace(path)


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
