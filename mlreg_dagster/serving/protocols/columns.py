"""Named columns of a request, in any order, as the model wants them; both protocols share it.

How a column is written as JSON or bytes stands with the protocols.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mlreg_dagster.core.times import NotAnHour, hour_key, read_hour
from mlreg_dagster.serving.protocols.problems import BadRequest, TooLarge

INSTRUMENT, HOUR = "instrument_id", "hour"
LONGEST_NAME = 200
"""Characters of an instrument or a request id: they are written into the log of answers."""

_MOST_NAMED = 8


@dataclass(frozen=True)
class Places:
    """Where in a request each column is.

    Attributes:
        features: For each of the model's features, in its order; None where the request has none of them.
        instrument: That of the instruments, where there are any.
        hour: That of the hours, where there are any.
    """

    features: list[int] | None
    instrument: int | None
    hour: int | None


def find_columns(names: Sequence[str], features: Sequence[str], what: str) -> Places:
    """Find the model's features, and the optional columns, among the names of a request.

    Args:
        names: As the request has them.
        features: Those of the model.
        what: How the protocol calls the list of names: `inputs`.

    Raises:
        BadRequest: A name is missing, unknown or there twice, or there are neither features nor instruments.
    """
    place = {name: number for number, name in enumerate(names)}
    if len(place) < len(names):
        number = next(number for number, name in enumerate(names) if place[name] != number)
        raise BadRequest(f"{what}[{number}] and {what}[{place[names[number]]}] have one name: send each name once.")
    instrument, hour = place.pop(INSTRUMENT, None), place.pop(HOUR, None)
    if not place:
        return _by_instrument(instrument, hour, what)
    try:
        found = [place.pop(name) for name in features]
    except KeyError:
        known = set(names)
        raise BadRequest(_missing([name for name in features if name not in known], what)) from None
    if place:
        number = min(place.values())
        raise BadRequest(
            f"{what}[{number}] is not one of the model's {len(features)} features: leave it out; the model's metadata "
            "lists them."
        )
    return Places(found, instrument, hour)


def _by_instrument(instrument: int | None, hour: int | None, what: str) -> Places:
    if instrument is None:
        raise BadRequest(f"{what} has none of the model's features: send them all, or {INSTRUMENT} alone.")
    if hour is not None:
        raise BadRequest(
            f"{what}[{hour}] is {HOUR}, but without features the newest hour is answered: leave it out, or send the "
            "features of that hour."
        )
    return Places(None, instrument, None)


def _missing(names: list[str], what: str) -> str:
    further = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{what} lacks features of the model: {', '.join(names[:_MOST_NAMED])}{further}; send null where unknown."


def check_row_count(rows: int, most: int) -> None:
    """Refuse a request of no rows, or of more than the server takes.

    Raises:
        BadRequest: There are none.
        TooLarge: There are more than `most`.
    """
    if rows > most:
        raise TooLarge(f"The request has more than {most} rows: split it.")
    if rows < 1:
        raise BadRequest("The request has no rows: send at least one.")


def instruments_of(values: Sequence[object], what: str) -> tuple[str, ...]:
    """The values of the column `instrument_id`.

    Raises:
        BadRequest: One is no printable text of a bearable length.
    """
    return tuple(_name(value, f"{what}, row {row}") for row, value in enumerate(values))


def hours_of(values: Sequence[object], what: str) -> tuple[str, ...]:
    """The values of the column `hour` as hour keys.

    Raises:
        BadRequest: One is no whole hour.
    """
    known: dict[object, str] = {}
    for row, value in enumerate(values):
        if value not in known:
            known[value] = _hour(value, f"{what}, row {row}")
    return tuple(known[value] for value in values)


def request_id_of(value: str | None) -> str | None:
    """The client's id of the request.

    Raises:
        BadRequest: It is not printable, or too long.
    """
    return _name(value, "The id of the request") if value else None


def _name(value: object, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise BadRequest(f"{what} is no name: send printable text of 1 to {LONGEST_NAME} characters.")
    return value


def _hour(value: object, what: str) -> str:
    if isinstance(value, str) and len(value) <= LONGEST_NAME:
        try:
            return hour_key(read_hour(value))
        except NotAnHour:
            pass
    raise BadRequest(f"{what} is not a whole hour in UTC: send one as 2017-12-20T00:00Z or 2017-12-20-00:00.")
