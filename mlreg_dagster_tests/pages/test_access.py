"""Who may look: names of the server, tokens, and viewers whom a proxy names."""

import base64
import ipaddress
from pathlib import Path

import pytest

from mlreg_dagster.pages.access import Access, Refused
from mlreg_dagster.pages.process import NotSafe, Options, access_of

TOKEN = "a-token-of-some-length"
HOST = {"host": "localhost:8810"}


def status(access: Access, headers: dict[str, str], client: str | None = "127.0.0.1") -> int:
    looked = access.look({**HOST, **headers}, client)
    return looked.status if isinstance(looked, Refused) else 200


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8810", "LOCALHOST"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert status(Access(), {"host": host}) == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8810", "", "[::2]"])
def test_a_page_elsewhere_can_not_lead_a_browser_here(host: str) -> None:
    assert status(Access(), {"host": host}) == 421


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic("anybody", TOKEN), basic("", TOKEN)])
def test_the_token_admits(given: str) -> None:
    assert status(Access(TOKEN), {"authorization": given}) == 200


@pytest.mark.parametrize(
    "given", ["", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Token {TOKEN}", "Basic !", basic(TOKEN, "")]
)
def test_anything_else_is_asked_for_it(given: str) -> None:
    looked = Access(TOKEN).look({**HOST, "authorization": given}, None)
    assert isinstance(looked, Refused)
    assert looked.status == 401
    assert "Basic" in looked.headers["www-authenticate"]


PROXIED = Access(viewer_header="X-Forwarded-User", proxies=(ipaddress.ip_network("10.0.0.0/8"),))


def test_a_trusted_proxy_names_the_viewer() -> None:
    assert PROXIED.look({**HOST, "x-forwarded-user": "Ada\x1b[2J"}, "10.1.2.3") == "Ada\N{REPLACEMENT CHARACTER}[2J"


@pytest.mark.parametrize(("name", "client"), [("Ada", "192.168.0.1"), ("Ada", None), ("", "10.1.2.3"), ("Ada", "x")])
def test_nobody_else_does(name: str, client: str | None) -> None:
    assert status(PROXIED, {"x-forwarded-user": name}, client) == 401


def test_beyond_this_machine_something_keeps_others_out(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    with pytest.raises(NotSafe, match="--token-file"):
        access_of(Options("0.0.0.0", 0))
    assert access_of(Options("0.0.0.0", 0, file)).token == TOKEN
    assert access_of(Options("0.0.0.0", 0, open_to_all=True)).hosts == ()
    assert "127.0.0.1" in access_of(Options("127.0.0.1", 0)).hosts


@pytest.mark.parametrize("content", ["", "short", None])
def test_a_token_that_keeps_nobody_out_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with pytest.raises(NotSafe, match="token"):
        access_of(Options("127.0.0.1", 0, file))


@pytest.mark.parametrize("proxies", [(), ("nowhere",)])
def test_a_viewer_header_needs_proxies(proxies: tuple[str, ...]) -> None:
    with pytest.raises(NotSafe, match="--proxy"):
        access_of(Options("127.0.0.1", 0, viewer_header="X-User", proxies=proxies))
