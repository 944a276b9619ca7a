"""Takes secrets from the environment, and keeps them out of everything that is shown or stored."""

import logging
import os
import re
from collections.abc import Iterable
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from mlreg_dagster.core.errors import MlregError

_KEY = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}")
_SECRET_NAME = re.compile(r"(?<!ho)url|key|token|secret|passw|credential|webhook", re.IGNORECASE)
_SECRET_OPTION = re.compile(r"password|token|secret|api_?key", re.IGNORECASE)
_BLOT = "***"
_LEAST_BLOTTED = 4  # of a shorter text nearly every sentence has a part that looks alike

_Text = TypeVar("_Text", str, bytes)


class UnusableSecret(MlregError):
    """A secret that can't be sent as it stands; the message names its variable, never its value."""


def key_from_environment(variable: str) -> str | None:
    """The key that an environment variable holds; None where it is unset or empty.

    Raises:
        UnusableSecret: It has blanks, line ends or letters that no key has.
    """
    key = os.environ.get(variable)
    if key and not _KEY.fullmatch(key):
        raise UnusableSecret(
            f"The environment variable {variable} holds no usable API key: a key is 1 to 512 letters, digits and "
            f"._~+/=- without blanks or line ends. Set it again, without quotes or a line end, or unset it."
        )
    return key or None


def names_a_secret(name: str) -> bool:
    """Whether the value of a setting of this name must not be shown."""
    return bool(_SECRET_NAME.search(name))


def password_in(url: str) -> str | None:
    """The password in a URL, if there is one: after the user, or among its options."""
    try:
        parts = urlsplit(url)
        return parts.password or next((value for name, value in parse_qsl(parts.query) if _is_secret(name)), None)
    except ValueError:
        return None


def shown_url(url: str) -> str:
    """A URL without its user, password and secret options.

    Examples:
        >>> shown_url("postgresql://anna:secret@db/registry?sslmode=require")
        'postgresql://db/registry?sslmode=require'
    """
    try:
        parts = urlsplit(url)
        pairs = [(name, _BLOT if _is_secret(name) else value) for name, value in parse_qsl(parts.query)]
        options = "&".join(f"{name}={value}" for name, value in pairs)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query=options).geturl()
    except ValueError:
        return "an address that can't be read"


def _is_secret(option: str) -> bool:
    return bool(_SECRET_OPTION.search(option))


def blotted(text: _Text, secrets: Iterable[str | None]) -> _Text:
    """The text with `***` for each of the secrets in it."""
    for secret in secrets:
        if secret and len(secret) >= _LEAST_BLOTTED:
            if isinstance(text, bytes):
                text = text.replace(secret.encode(), _BLOT.encode())
            else:
                text = text.replace(secret, _BLOT)
    return text


def quiet_http_log() -> None:
    """Keep whole URLs out of the log: httpx writes each that it asks, with the user and password in it."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
