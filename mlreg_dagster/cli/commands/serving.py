"""Commands of the HTTP server: serve, and its API keys."""

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mlreg_dagster.cli.session import AsJson, show
from mlreg_dagster.serving.extra import require_extra

if TYPE_CHECKING:
    from pathlib import Path


class Scope(StrEnum):
    """What a key may do."""

    SCORE = "score"
    READ = "read"


keys = typer.Typer(help="API keys of the server: added, revoked and listed; running servers follow within 2 s.")

Name = Annotated[str, typer.Argument(help="By which the key is revoked: letters, digits and ._-")]


def serve(
    host: Annotated[str, typer.Option(help="Where it listens; beyond this machine it asks for keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8808,
    admin_host: Annotated[str, typer.Option(help="Where metrics, health and status are; without keys.")] = "127.0.0.1",
    admin_port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8809,
    open_to_all: Annotated[bool, typer.Option("--open", help="Serve all who can reach it, without keys.")] = False,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="A line a request: route, status, time, id.")
    ] = False,
) -> None:
    """Serve over HTTP what the registry's aliases name; new champions are followed while it runs."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"  # read when the libraries are loaded; requests share the processors, not a request
    require_extra()
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.serving.app.process import Options, serve_process

    options = Options(host, port, admin_host, admin_port, open_to_all, access_log)
    serve_process(home_dir(), load_settings(), options)


@keys.command("add")
def add_key(
    name: Name,
    scope: Annotated[list[Scope] | None, typer.Option(help="score: have rows scored; read: ask about models.")] = None,
    rate: Annotated[float, typer.Option(help="Requests a second, for long.")] = 100.0,
    burst: Annotated[int | None, typer.Option(help="Requests at once; default: two seconds of the rate.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it; it can't be shown again."""
    require_extra()
    from mlreg_dagster.serving.app.key_file import add_key as add

    place, scopes = _place(), tuple(each.value for each in scope or (Scope.SCORE,))
    secret = add(place, name, scopes, rate, burst or max(1, round(2 * rate)))
    told = f"The key {name}, which is shown this once; {place} holds its hash:"
    show(as_json, told, f"  {secret}", name=name, key=secret, file=str(place))


@keys.command("revoke")
def revoke_key(name: Name, as_json: AsJson = False) -> None:
    """Take a key away; running servers refuse it within 2 s."""
    require_extra()
    from mlreg_dagster.serving.app.key_file import revoke_key as revoke

    revoke(_place(), name)
    show(as_json, f"The key {name} is revoked.", name=name)


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys: names, scopes and rates."""
    require_extra()
    from mlreg_dagster.cli.key_table import keys_table
    from mlreg_dagster.serving.app.key_file import read_keys

    show(as_json, keys=keys_table(read_keys(_place())))


def _place() -> "Path":
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.config.places import serving_keys_file

    return serving_keys_file(home_dir())
