"""The command that serves the registry pages."""

from pathlib import Path
from typing import Annotated

import typer


def pages(
    host: Annotated[str, typer.Option(help="Where they listen; beyond this machine they ask for a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8810,
    dagster: Annotated[
        str | None,
        typer.Option(help="URL of a running Dagster UI to ask; default: that of pages.yaml, else files are read."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file with the token that is asked for, as bearer token or password.")
    ] = None,
    viewer_header: Annotated[
        str | None, typer.Option(help="The header in which a trusted proxy names the viewer: X-Forwarded-User.")
    ] = None,
    proxy: Annotated[list[str] | None, typer.Option(help="A network of trusted proxies: 10.0.0.0/8.")] = None,
    allow_host: Annotated[list[str] | None, typer.Option(help="A further name of this server.")] = None,
    open_to_all: Annotated[bool, typer.Option("--open", help="Show them to all who can reach them.")] = False,
    access_log: Annotated[bool, typer.Option("--access-log", help="A line a request: page and status.")] = False,
) -> None:
    """Serve web pages on the home, read only: champions, versions, hours, data, drift, alerts, and branches."""
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.pages.process import Options, pages_process

    settings, named, networks = load_settings(), tuple(allow_host or ()), tuple(proxy or ())
    load_extensions(settings.extensions.modules)  # features of plug-ins have lookbacks of their own
    options = Options(host, port, token_file, viewer_header, networks, dagster, named, open_to_all, access_log)
    pages_process(home_dir(), settings, options)
