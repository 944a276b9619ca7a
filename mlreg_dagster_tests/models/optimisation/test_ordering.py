"""What run config may ask for of a variant."""

import pytest

from mlreg_dagster.models.optimisation.ordering import NotAVariantOrder
from mlreg_dagster_tests.lifecycle import failure

TRAINING = {"model": "model", "dataset": None, "overrides": {}}


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
    from mlreg_dagster.models.optimisation.ordering import stated_variant

    asked = {**TRAINING, **{name: config[name] for name in TRAINING if name in config}}
    with pytest.raises(NotAVariantOrder, match=said):
        stated_variant(trained.registry, trained.artifacts, config.get("variant_of"), config.get("change"), asked)


def test_without_a_variant_it_is_a_training(trained):
    from mlreg_dagster.models.optimisation.ordering import stated_variant

    assert stated_variant(trained.registry, trained.artifacts, None, None, TRAINING) is None


@pytest.mark.slow
def test_a_run_that_asks_for_what_is_not_for_the_kind_fails_in_words(trained):
    trained.add_version("v4")
    asked = {"variant_of": "v1", "change": "quantised"}
    assert "quantised is not for v1" in failure(trained.attempt("candidate_model", config=asked, key="v4"))
    assert [each.version for each in trained.registry.versions()] == ["v1", "v2", "v3"]
