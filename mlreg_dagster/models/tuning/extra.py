"""Whether the extra `tune` is installed, which a search needs; importing this takes nothing of it."""

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.extras import require_installed


class TuneNotInstalled(MlregError):
    """Optuna is not there."""


def require_extra() -> None:
    """Refuse to search without the extra.

    Raises:
        TuneNotInstalled: Optuna is not installed; the message says how to install it.
    """
    require_installed("tune", ("optuna",), TuneNotInstalled)
