"""What a refusal of the server is to a client: final, or a reason to ask again."""

import httpx
import pytest

from mlreg_dagster.client.wire import ServerRefused, TryAgain, error_of
from mlreg_dagster.core.untrusted.http import Answer
from mlreg_dagster.registry.records.suspensions import Suspension
from mlreg_dagster.serving.protocols.problems import problem
from mlreg_dagster_tests.registry.builders import NOW, sha

STOPPED = Suspension(
    1, "champion", 1, "suspended", "v2", sha("v2"), {"serving": "refuse"}, NOW, "carla", "it flags all", NOW, None, None
)


@pytest.mark.parametrize(("code", "error"), [("suspended", ServerRefused), ("not_loaded", TryAgain)])
def test_a_suspended_alias_is_not_asked_for_again(code, error):
    body = problem(503, code, f"{STOPPED.in_words}.", STOPPED)
    found = error_of(Answer(503, httpx.Headers({"Retry-After": "1"}), body), "http://here", None)
    assert type(found) is error
    assert "champion is suspended since 2018-01-01 00:00:00 UTC, by carla: it flags all" in str(found)
