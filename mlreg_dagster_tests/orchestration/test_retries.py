"""What passes by itself is tried again, by assets and by their checks; nothing else is."""

import dagster as dg
import pytest

from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.orchestration import retries
from mlreg_dagster.orchestration.retries import retried


def run(error: Exception, failures: int) -> tuple[bool, dict[str, int]]:
    """A run of an asset, a check and a check that yields, each of which fails so many times first."""
    tries = {"asset": 0, "check": 0, "yields": 0}

    def fail(step: str) -> None:
        tries[step] += 1
        if tries[step] <= failures:
            raise error

    @dg.asset
    @retried
    def table() -> None:
        fail("asset")

    @dg.asset_check(asset=table)
    @retried
    def whole() -> dg.AssetCheckResult:
        fail("check")
        return dg.AssetCheckResult(passed=True)

    @dg.multi_asset_check(specs=[dg.AssetCheckSpec("fresh", asset=table)])
    @retried
    def checks():
        fail("yields")
        yield dg.AssetCheckResult(passed=True, check_name="fresh")

    with dg.DagsterInstance.ephemeral() as instance:
        definitions = dg.Definitions(assets=[table], asset_checks=[whole, checks])
        job = definitions.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        passed = [check.passed for check in result.get_asset_check_evaluations()]
    return result.success and passed == [True, True], tries


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(retries, "WAIT_S", 0)


def test_what_passes_by_itself_is_tried_again():
    assert run(TransientError("busy"), failures=2) == (True, {"asset": 3, "check": 3, "yields": 3})


def test_other_errors_fail_at_once():
    succeeded, tries = run(MlregError("wrong"), failures=1)
    assert not succeeded
    assert tries["asset"] == 1


def test_it_ends():
    succeeded, tries = run(TransientError("busy"), failures=99)
    assert not succeeded
    assert tries["asset"] == 1 + retries.MAX_RETRIES
