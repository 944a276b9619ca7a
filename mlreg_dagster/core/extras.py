"""Whether the packages of an extra are installed; importing this takes nothing of them."""

from collections.abc import Sequence
from importlib.util import find_spec

from mlreg_dagster.core.errors import MlregError


def require_installed(extra: str, modules: Sequence[str], error: type[MlregError]) -> None:
    """Refuse to go on without an extra.

    Args:
        extra: Its name in `pyproject.toml`.
        modules: What is imported of it.
        error: What is raised; the message says how to install the extra.
    """
    if missing := [name for name in modules if find_spec(name) is None]:
        raise error(f"{', '.join(missing)} is not installed. Install the extra: pip install 'mlreg-dagster[{extra}]'.")
