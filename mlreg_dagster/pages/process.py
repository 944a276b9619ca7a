"""One process that serves the pages: its parts are put together from the command line, and closed at the end."""

import ipaddress
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from mlreg_dagster.config.settings import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.pages.access import LOCAL_NAMES, Access
from mlreg_dagster.pages.answer import Answering
from mlreg_dagster.pages.app import Guarded, make_app
from mlreg_dagster.pages.cards.serving import picture_route
from mlreg_dagster.pages.catalogue import PAGES
from mlreg_dagster.pages.homes import Homes

_SHORTEST_TOKEN = 16
_YIELDS = 10
"""By how much the process gives way to others on the machine: runs come first."""


class NotSafe(MlregError):
    """The pages would be open to others than those who may look."""


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        host: Where the pages listen.
        port: 0: any that is free.
        token_file: Holds the token that is asked for; None: none is.
        viewer_header: In which a trusted proxy names the viewer; None: there is no proxy.
        proxies: Networks of trusted proxies.
        dagster_url: Of a running Dagster web server of the home, which is asked then; None: Dagster's files are read.
        hosts: Names of this server besides those of this machine.
        open_to_all: No token is asked for, wherever the pages listen.
        access_log: A line a request.
    """

    host: str
    port: int
    token_file: Path | None = None
    viewer_header: str | None = None
    proxies: tuple[str, ...] = ()
    dagster_url: str | None = None
    hosts: tuple[str, ...] = ()
    open_to_all: bool = False
    access_log: bool = False


def pages_app(home: Path, settings: Settings, access: Access, dagster_url: str | None = None) -> Guarded:
    """The application on a home.

    Args:
        home: The data home; its branches can be asked about, too.
        settings: All settings.
        access: Who may look.
        dagster_url: Of a running Dagster web server of the home; None: that of pages.yaml, else its files are read.
    """
    asked = dagster_url or settings.pages.dagster_url
    homes = Homes(home, asked)
    answering = Answering(homes, settings, PAGES, settings.pages.dagster_url or asked)
    return make_app(answering, PAGES, access, [picture_route(homes)])


def pages_process(home: Path, settings: Settings, options: Options) -> None:
    """Serve until a signal asks for the end.

    Raises:
        AddressTaken, NotSafe: It can't begin.
    """
    import uvicorn

    from mlreg_dagster.serving.app.listening import listen, url_of

    app = pages_app(home, settings, access_of(options), options.dagster_url)
    os.nice(_YIELDS)
    with listen(options.host, options.port, "--port") as listener:
        form = "%(asctime)s %(levelname)s %(name)s %(message)s"
        logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=form)
        logging.getLogger("mlreg_dagster.pages.access").setLevel(
            logging.INFO if options.access_log else logging.WARNING
        )
        config = uvicorn.Config(
            app, ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False, server_header=False
        )
        Thread(target=_load, daemon=True).start()
        print(f"Pages of {home} on {url_of(listener)}", flush=True)
        uvicorn.Server(config).run([listener])


def _load() -> None:
    """Load what pages are made with while nobody asks yet."""
    for page in PAGES:
        page.load()


def access_of(options: Options) -> Access:
    """Who may look, by the command line.

    Raises:
        NotSafe: Others could reach the pages, and neither a token nor a proxy keeps them out; or one can't be used.
    """
    from mlreg_dagster.serving.app.listening import is_loopback

    token = None if options.token_file is None else _token(options.token_file)
    if options.viewer_header is not None and not options.proxies:
        raise NotSafe("--viewer-header needs --proxy: the networks of the proxies that may name the viewer.")
    guarded = token is not None or options.viewer_header is not None
    if not (guarded or options.open_to_all or is_loopback(options.host)):
        raise NotSafe(
            f"{options.host} can be reached from other machines. Ask for a token with --token-file, name a proxy with "
            f"--viewer-header and --proxy, or show the pages to everybody with --open."
        )
    hosts = () if options.open_to_all or guarded else (*LOCAL_NAMES, options.host.lower())
    named = tuple(host.lower() for host in options.hosts)
    return Access(token, options.viewer_header, tuple(map(_network, options.proxies)), (*hosts, *named))


def _token(file: Path) -> str:
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotSafe(f"The token in {file} can't be read: {error}.") from None
    if len(token) < _SHORTEST_TOKEN:
        raise NotSafe(f"The token in {file} has fewer than {_SHORTEST_TOKEN} characters. Write a longer one.")
    return token


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise NotSafe(f"--proxy {text!a} is no address or network. Write one like 10.0.0.0/8.") from None
