"""JSON of strangers to typed values: whatever is wrong with it ends in a `BadRequest` that says where.

JSON is decoded in the main thread alone: its depth is bounded by the interpreter's, which the small stacks of other
threads do not hold.
"""

import re
from typing import TypeVar

import msgspec

from mlreg_dagster.serving.protocols.problems import BadRequest

_Decoded = TypeVar("_Decoded")
_BYTE = re.compile(r" \(byte (\d+)\)$")
_PLACE = re.compile(r"^(.*) - at `(.*)`$", re.DOTALL)
_NO_NUMBER = re.compile(rb"-?(NaN|Infinity|nan|inf)")


def decode(decoder: msgspec.json.Decoder[_Decoded], content: bytes | msgspec.Raw, what: str) -> _Decoded:
    """Decode a body, or a part of one.

    Args:
        decoder: Knows the type.
        content: JSON.
        what: What the content is, at the beginning of a sentence: "The body".

    Raises:
        BadRequest: It is no JSON, or not of this type.
    """
    try:
        return decoder.decode(content)
    except UnicodeDecodeError as error:
        raise BadRequest(f"{what} has text that is not UTF-8: encode it as UTF-8.") from error
    except RecursionError as error:
        raise BadRequest(f"{what} is nested too deeply: send it as the OpenAPI document describes it.") from error
    except msgspec.ValidationError as error:
        raise BadRequest(_misfit(what, str(error))) from error
    except msgspec.DecodeError as error:
        raise BadRequest(_malformed(what, bytes(content), str(error))) from error


def _misfit(what: str, message: str) -> str:
    match = _PLACE.match(message)
    expectation, place = match.groups() if match else (message, "$")
    return (
        f"{what} does not fit at {place}: {expectation[0].lower()}{expectation[1:]}; the OpenAPI document has its form."
    )


def _malformed(what: str, content: bytes, message: str) -> str:
    match = _BYTE.search(message)
    if not match:
        return f"{what} is cut short: send the whole JSON."
    place = int(match[1])
    token = _NO_NUMBER.match(content, place) or _NO_NUMBER.match(content, max(place - 1, 0))
    if token:
        return (
            f"{what} has {token[1].decode()} at byte {place}, which JSON does not know: send null for unknown values."
        )
    return f"{what} is malformed JSON at byte {place}: {message[: match.start()].removeprefix('JSON is malformed: ')}."
