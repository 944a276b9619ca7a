"""Who may look: everybody who reaches the address, those who know a token, or those whom a trusted proxy names."""

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest

from mlreg_dagster.core.untrusted.text import one_line

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Refused:
    """An answer to those who may not look.

    Attributes:
        status: Of HTTP.
        sentence: Why.
        headers: How to ask again.
    """

    status: int
    sentence: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Access:
    """The rules.

    Attributes:
        token: What a request has to bring: as a bearer token, or as the password that a browser asks for.
        viewer_header: The header in which a trusted proxy names the viewer.
        proxies: Networks of the proxies that are trusted to do so.
        hosts: Names of this server; a request that names another is refused, so that no page elsewhere can read these
            through a browser. Empty: any.
    """

    token: str | None = None
    viewer_header: str | None = None
    proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    hosts: tuple[str, ...] = LOCAL_NAMES

    def look(self, headers: Mapping[str, str], client: str | None) -> "str | Refused | None":
        """Whether a request may be answered.

        Args:
            headers: Of the request, their names in lower case.
            client: The address that it comes from.

        Returns:
            The viewer's name; None where nobody names it; or why the request is refused.
        """
        if self.hosts and _name(headers.get("host", "")) not in self.hosts:
            return Refused(421, "The pages are not known by this name. Start them with --allow-host NAME.", {})
        if self.viewer_header is not None:
            name = headers.get(self.viewer_header.lower(), "").strip()
            if not name or not self._is_proxy(client):
                return Refused(401, "Only requests through the proxy that names the viewer are answered.", {})
            return one_line(name, _LONGEST_NAME)
        if self.token is not None and not _brings(headers.get("authorization", ""), self.token):
            asks = {"www-authenticate": 'Basic realm="mlreg pages", charset="UTF-8"'}
            return Refused(401, "These pages ask for a token: as a bearer token, or as the password.", asks)
        return None

    def _is_proxy(self, client: str | None) -> bool:
        try:
            address = ipaddress.ip_address(client or "")
        except ValueError:
            return False
        return any(address in network for network in self.proxies)


def _brings(authorization: str, token: str) -> bool:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return compare_digest(value.strip().encode("utf-8", "surrogateescape"), token.encode())


def _name(host: str) -> str:
    """The name in a `Host` header, without its port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0].lower()
