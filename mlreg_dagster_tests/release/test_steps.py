"""What steps say together."""

import pytest

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.release.steps import NotMeasured, Release, Step, taken


def raising(error: Exception):
    def step() -> Step:
        raise error

    return step


def test_an_error_of_the_project_is_what_a_step_found() -> None:
    assert taken("smoke", raising(MlregError("it is damaged"))) == Step("smoke", "failed", "it is damaged")
    assert taken("smoke", raising(NotMeasured("no extra"))) == Step("smoke", "not measured", "no extra")


def test_a_defect_is_no_result() -> None:
    with pytest.raises(ZeroDivisionError):
        taken("smoke", raising(ZeroDivisionError()))


@pytest.mark.parametrize(("second", "passed"), [("passed", True), ("failed", False), ("not measured", False)])
def test_a_release_passes_where_every_step_does(second, passed) -> None:
    assert Release("v2", "v1", (Step("gates", "passed", ""), Step("smoke", second, ""))).passed is passed
