"""Whether the extra `serve` is installed, which the server needs; importing this takes nothing of it."""

from importlib.util import find_spec

from mlreg_dagster.core.errors import MlregError

_NEEDED = ("httptools", "msgspec", "prometheus_client", "starlette", "uvicorn", "uvloop")


class ServeNotInstalled(MlregError):
    """Packages that the server needs are not there."""


def require_extra() -> None:
    """Refuse to go on without the extra.

    Raises:
        ServeNotInstalled: A package of it is not installed; the message says how to install it.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ServeNotInstalled(
            f"{', '.join(missing)} is not installed. Install the extra: pip install 'mlreg-dagster[serve]'."
        )
