"""What run config may ask for of a variant."""

import pytest

from mlreg_dagster.models.optimisation.ordering import NotAVariantOrder, stated_variant
from mlreg_dagster_tests.lifecycle import failure


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"variant_of": "v3"}, "A variant is of a version and by a change"),
        ({"change": "float32"}, "A variant is of a version and by a change"),
        ({"variant_of": "v3", "change": "float32", "dataset": "2026-01-04"}, "Leave model, dataset and overrides out"),
        ({"variant_of": "v3", "change": "float32", "overrides": {"seed": 1}}, "Leave model, dataset and overrides out"),
        ({"variant_of": "v3", "change": "float32", "model": "model_lof"}, "Leave model, dataset and overrides out"),
    ],
)
def test_half_a_request_or_more_than_one_is_refused(trained, config, said):
    with pytest.raises(NotAVariantOrder, match=said):
        stated_variant("v4", trained.registry, trained.artifacts, config, "run-1", {})


def test_without_a_variant_it_is_a_training(trained):
    assert stated_variant("v4", trained.registry, trained.artifacts, {"model": "model_lof"}, "run-1", {}) is None


def test_a_reason_is_kept_and_an_alias_is_resolved(live):
    asked = {"variant_of": "champion", "change": "float32", "reason": "a smaller image"}
    found = stated_variant("v4", live.registry, live.artifacts, asked, "run-1234-5", {})
    assert (found.of, found.origin) == ("v2", {"variant": {"of": "v2", "change": "float32"}})
    assert found.cause == {"trigger": "manual", "key": "manual-run-1234", "reason": "a smaller image"}


@pytest.mark.slow
def test_a_run_that_asks_for_what_is_not_for_the_kind_fails_in_words(trained):
    trained.add_version("v4")
    asked = {"variant_of": "v1", "change": "quantised"}
    assert "quantised is not for v1" in failure(trained.attempt("candidate_model", config=asked, key="v4"))
    assert [each.version for each in trained.registry.versions()] == ["v1", "v2", "v3"]
