"""What a file of rows holds, by the names of its columns, and its rows as numbers; forms of files are in `reading`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS

HOUR, INSTRUMENT = "hour", "instrument_id"
KEYS = (HOUR, INSTRUMENT)
_LARGEST_VALUE = float(np.finfo(np.float32).max)  # what lies beyond is infinite to a forest
_UNKNOWN = frozenset({"", "nan", "null", "none", "na", "n/a"})
_SHOWN, _LONGEST_SHOWN = 8, 40
_NUMBERS = list[list[float | None]]


class CannotScoreFile(MlregError):
    """A file that can't be scored or written; the message names it, the lines that are wrong, and what to do."""


@dataclass(frozen=True)
class Columns:
    """The columns of a file that are read.

    Attributes:
        features: The model's, in its order; empty where rows are asked for by instrument alone.
        keys: Those of KEYS that the file has.
        has_settings: Whether each row says with which settings its features were computed.
    """

    features: tuple[str, ...]
    keys: tuple[str, ...]
    has_settings: bool

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that are no numbers."""
        return (*self.keys, FEATURE_SETTINGS) if self.has_settings else self.keys


@dataclass(frozen=True)
class Piece:
    """Some rows of a file.

    Attributes:
        X: rows x features; NaN is unknown.
        texts: The columns that are no numbers, by name, as the file has them.
        lines: Where each row stands: its line, counted from 1; in a Parquet file its row.
    """

    X: NDArray[np.float64]
    texts: dict[str, pa.Array]
    lines: Sequence[int]


Read = Callable[[Columns], Iterator[Piece]]


def choose(names: Sequence[str], features: Sequence[str], source: Path) -> Columns:
    """The columns of a file that are read, in whichever order they stand.

    A file that says with which settings its features were computed is one of `market_features`, and may hold more.

    Raises:
        CannotScoreFile: One is there twice, is missing or unknown.
    """
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise CannotScoreFile(f"{source} has the column {_listed(repeated)} more than once. Remove the others.")
    keys, has_settings = tuple(name for name in KEYS if name in names), FEATURE_SETTINGS in names
    others = set(names) - {*keys, FEATURE_SETTINGS}
    if not others and INSTRUMENT in keys and not has_settings:
        if HOUR in keys:
            raise CannotScoreFile(
                f"{source} has no features: rows are scored by the newest hour then, and its column {HOUR} can't be "
                f"kept to. Leave it out, or add the features of each row."
            )
        return Columns((), keys, has_settings)
    missing = [name for name in features if name not in others]
    unknown = [] if has_settings else sorted(others - set(features))
    if missing or unknown:
        wrong = [f"it lacks {_listed(missing)}"] * bool(missing) + [f"it has {_listed(unknown)}"] * bool(unknown)
        raise CannotScoreFile(
            f"{source} has other columns than the model's {len(features)} features, which it needs in any order: "
            f"{' and '.join(wrong)}. Leave a value empty where it is unknown."
        )
    return Columns(tuple(features), keys, has_settings)


def numbers(
    rows: Sequence[Sequence[Any]], columns: Columns, lines: Sequence[int], source: Path, *, texts: bool
) -> NDArray[np.float64]:
    """Rows of features as numbers.

    Args:
        rows: Values in the order of the features.
        columns: Which they are.
        lines: Where each row stands.
        source: The file, for messages.
        texts: Whether numbers are written as text.

    Raises:
        CannotScoreFile: A value is no number.
    """
    shape = (len(rows), len(columns.features))
    try:
        spelled = [[cell or "null" for cell in row] for row in rows] if texts else rows
        found = msgspec.convert(spelled, _NUMBERS, strict=not texts)
    except msgspec.ValidationError:  # spelled in another way, or wrong: one by one
        found, wrong = [], []
        for line, row in zip(lines, rows, strict=True):
            read = [_number(cell, texts) for cell in row]
            wrong += [
                f"line {line}: {name} is {_shown(cell)}, no number"
                for name, cell, value in zip(columns.features, row, read, strict=True)
                if value is None
            ]
            found.append(read)
        require_none(wrong, source)
    return np.array(found, dtype=np.float64).reshape(shape)


def require_bearable(piece: Piece, columns: Columns, source: Path) -> None:
    """Refuse rows with values beyond those that models bear.

    Raises:
        CannotScoreFile: A value is infinite, or larger than the largest of single precision.
    """
    at = np.argwhere(np.abs(piece.X) > _LARGEST_VALUE)
    require_none(
        [f"line {piece.lines[row]}: {columns.features[column]} is {piece.X[row, column]}, infinite to a model"
         for row, column in at],
        source,
    )  # fmt: skip


def require_none(wrong: Sequence[str], source: Path) -> None:
    """Refuse a file of which something is wrong, in words that begin with a line each.

    Raises:
        CannotScoreFile: There is one.
    """
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more up to there" if len(wrong) > _SHOWN else ""
        raise CannotScoreFile(
            f"{source}: {'; '.join(wrong[:_SHOWN])}{more}. Fix them, or leave the values empty. Nothing was written."
        )


def _number(cell: Any, is_text: bool) -> float | None:
    """A value as a number, NaN where it is unknown; None where it is neither."""
    if cell is None or (is_text and cell.strip().lower() in _UNKNOWN):
        return float("nan")
    if isinstance(cell, bool) or (isinstance(cell, str) and (not is_text or "_" in cell)):
        return None
    try:
        return float(cell)
    except (ValueError, TypeError, OverflowError):
        return None


def _shown(value: Any) -> str:
    return one_line(repr(value), _LONGEST_SHOWN)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(one_line(name, _LONGEST_SHOWN) for name in names[:_SHOWN]) + more
