"""pages.yaml: where the registry pages and the Dagster UI are found, for links from one to the other."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from mlreg_dagster.config.section import Section

_STRANGE = set(" \\\"'<>")


def _is_an_address(url: str) -> str:
    """Of a web server, and fit to be shown to everyone who sees a link."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # ValueError: a port that is no number
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or not url.isascii() or set(url) & _STRANGE:
        raise ValueError("must be the address of a web server, such as http://127.0.0.1:8810")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must have no user, password, options or fragment: links show it to everyone")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_is_an_address)]


class PagesSettings(Section):
    """pages.yaml: where the registry pages and the Dagster UI are found."""

    url: Address | None = Field(
        None, description="Of the registry pages, as browsers reach them; assets link there. null = no links."
    )
    dagster_url: Address | None = Field(
        None,
        description="Of the Dagster UI of this home; pages link there and ask it for checks and pictures. null = no "
        "links, and Dagster's own files are read.",
    )
