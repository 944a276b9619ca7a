"""Whether the extra `serve` is installed, which the server needs; importing this takes nothing of it."""

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.extras import require_installed

_NEEDED = ("httptools", "msgspec", "prometheus_client", "starlette", "uvicorn", "uvloop")


class ServeNotInstalled(MlregError):
    """Packages that the server needs are not there."""


def require_extra() -> None:
    """Refuse to go on without the extra.

    Raises:
        ServeNotInstalled: A package of it is not installed; the message says how to install it.
    """
    require_installed("serve", _NEEDED, ServeNotInstalled)
