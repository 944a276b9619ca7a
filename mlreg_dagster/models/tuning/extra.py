"""Whether the extra `tune` is installed, which a search needs; importing this takes nothing of it."""

from importlib.util import find_spec

from mlreg_dagster.core.errors import MlregError


class TuneNotInstalled(MlregError):
    """Optuna is not there."""


def require_extra() -> None:
    """Refuse to search without the extra.

    Raises:
        TuneNotInstalled: Optuna is not installed; the message says how to install it.
    """
    if find_spec("optuna") is None:
        raise TuneNotInstalled("optuna is not installed. Install the extra: pip install 'mlreg-dagster[tune]'.")
