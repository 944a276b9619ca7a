"""Names of people and texts that they write: one spelling for each person, and no hidden characters.

What a person may do belongs to `governance`; here it is only decided whether a text can be a name.
"""

import getpass
import os
import re
import secrets
import unicodedata

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import HIDDEN

AUTOMATION = "automation"
"""The actor of schedules and sensors."""

REPLAY = "replay"
"""The actor of replayed history."""

REGISTRY = "registry"
"""The actor of records that the registry makes when it is made or upgraded."""

NO_PERSON = frozenset({"nobody", "none", "null", "nil", "anybody", "everybody", "anonymous", "unknown"})
OF_THE_PROJECT = frozenset({AUTOMATION, REPLAY, REGISTRY})

MAX_NAME = 100
MAX_TEXT = 2_000

_ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_LENGTH = 8
PERSON_ID = re.compile(rf"p-[{_ID_LETTERS}]{{{_ID_LENGTH}}}")
"""The form of the ids that the registry's directory gives to people, such as p-7k2m9q4x."""

_NAME = re.compile(r"[a-z0-9][a-z0-9 ._@+:/\\'-]*")
_LINE_BREAKS = "\n\t"


class NotAName(MlregError):
    """A text that can't be the name of a person, or hides something."""


def account_name(text: str) -> str:
    """The one spelling of a person's name: lower case, single blanks, ASCII.

    Other scripts are refused, since their letters can look like those of another name.

    Raises:
        NotAName: The text is blank, too long, reserved, or holds other characters.

    Examples:
        >>> account_name("  Anna  Maria ")
        'anna maria'
    """
    require_unicode("A name", text)
    name = re.sub(" +", " ", text).strip(" ").casefold()
    if not name:
        raise NotAName("A name must not be blank: the history says who did what. Use --actor or MLREG_ACTOR.")
    if len(name) > MAX_NAME:
        raise NotAName(f"A name has at most {MAX_NAME} characters; {text[:20]!a}… has {len(text):,}.")
    if not text.isascii() or not _NAME.fullmatch(name):
        odd = next(
            (letter for letter in text if not letter.isascii() or not _NAME.fullmatch(f"a{letter.lower()}")), text[0]
        )
        raise NotAName(
            f"{text[:MAX_NAME]!a} can't be a name because of {odd!a}. Names are account names: ASCII letters, digits, "
            f"blanks and . _ - @ + : / \\ ', beginning with a letter or digit; upper and lower case are the same."
        )
    if name in NO_PERSON:
        raise NotAName(f"{name!r} can't be a name: the word is reserved. Name the person who acts.")
    return name


def new_person_id() -> str:
    """An id that says nothing about the person: p- and eight letters or digits of Crockford's base 32."""
    return "p-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))


def is_person_id(name: str) -> bool:
    """Whether a name has the form of an id of the directory."""
    return PERSON_ID.fullmatch(name) is not None


def current_actor(named: str | None) -> str:
    """Who acts: the name given, else MLREG_ACTOR, else the operating system's user; in its one spelling.

    Raises:
        NotAName: It can't be the name of a person.
    """
    return account_name(named or os.environ.get("MLREG_ACTOR") or getpass.getuser())


def checked_text(what: str, text: str) -> str:
    """A text that people read, without blanks around it.

    Args:
        what: How a message calls it: `reason`.
        text: What was written; line breaks and tabs are allowed within it.

    Raises:
        NotAName: It is too long, or holds characters that are not seen.
    """
    require_unicode(f"The {what}", text)
    if len(text) > MAX_TEXT:
        raise NotAName(f"The {what} has {len(text):,} characters; at most {MAX_TEXT:,} are kept. Shorten it.")
    hidden = [letter for letter in text if unicodedata.category(letter) in HIDDEN and letter not in _LINE_BREAKS]
    if hidden:
        raise NotAName(f"The {what} {text[:60]!a} holds {hidden[0]!a}, which can't be seen. Write it without.")
    return text.strip()


def require_unicode(what: str, text: str) -> None:
    """Refuse bytes that are no UTF-8, which Python hands on as lone surrogates.

    Raises:
        NotAName: There are some; the message shows them escaped.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotAName(f"{what} must be valid UTF-8; {text[:60]!a} is not.") from error
