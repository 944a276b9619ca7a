"""Follows the links of the pages without a browser."""

import html
import re
from collections.abc import Callable
from typing import Any, Protocol

_KEYS = re.compile(r"(?<![\w-])(v\d+|\d{4}-\d{2}-\d{2}(?:-\d{2}:\d{2}|T[\d:.]+)?|\d+)(?![\w-])")
_PARAMETER = re.compile(r"(?:^|&)([^=&]+)=")


class Client(Protocol):
    """What can ask for a page: httpx's client and Starlette's."""

    def get(self, url: str) -> Any:
        """The answer."""


def kind_of(address: str) -> str:
    """What addresses of one page have in common: versions, times and numbers apart."""
    path, _, query = address.partition("?")
    return "?".join(filter(None, (_KEYS.sub("*", path), ",".join(sorted(_PARAMETER.findall(query))))))


def linked(text: str) -> list[str]:
    """The addresses on this server that a page links to."""
    found = (html.unescape(link) for link in re.findall(r'href="(/[^"#]*)', text))
    return [link for link in dict.fromkeys(found) if not link.startswith("/static/")]


def follow(
    client: Client,
    each: int,
    first: str = "/",
    wanted: Callable[[str], bool] = lambda _address: True,
    check: Callable[[str, Any], None] = lambda _address, _answer: None,
) -> dict[str, list[str]]:
    """Addresses by kind of page, at most so many of a kind; every one was asked for and answered with 200.

    Args:
        client: Who asks.
        each: The most of a kind.
        first: Where to begin.
        wanted: Whether a link is followed.
        check: Looks at each address with its answer.
    """
    found, waiting, known = dict[str, list[str]](), [first], {first}
    while waiting:
        address = waiting.pop(0)
        of_kind = found.setdefault(kind_of(address), [])
        if len(of_kind) >= each:
            continue
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code, answer.text[-600:])
        check(address, answer)
        of_kind.append(address)
        if "html" in answer.headers["content-type"]:
            new = [link for link in linked(answer.text) if link not in known and wanted(link)]
            known.update(new)
            waiting += new
    return found
