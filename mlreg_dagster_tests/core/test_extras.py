import pytest

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.extras import require_installed


class Lacking(MlregError):
    pass


def test_what_is_missing_is_named_with_how_to_install_it():
    with pytest.raises(Lacking) as refused:
        require_installed("tune", ("json", "no_such_package", "nor_this"), Lacking)
    expected = "no_such_package, nor_this is not installed. Install the extra: pip install 'mlreg-dagster[tune]'."
    assert str(refused.value) == expected


def test_what_is_there_is_not_refused():
    require_installed("tune", ("json",), Lacking)
