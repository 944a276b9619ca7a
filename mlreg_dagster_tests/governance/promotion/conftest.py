"""Three versions that passed their gates, and promotions of them."""

import itertools
import shutil

import pytest

from mlreg_dagster.governance.policy.adoption import adopt
from mlreg_dagster.governance.policy.in_force import differences, recorded_rules
from mlreg_dagster.governance.promotion.promotion import promote
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.models.registration import register
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.governance.promotion.builders import BY_ANN, NOW, evaluate, governed, rules
from mlreg_dagster_tests.models.builders import with_manifest


@pytest.fixture
def in_force(registry):
    """Puts rules in force and judges by them."""

    def put(**policy):
        files = rules(**policy)
        before = recorded_rules(registry.record_first_policy(files.content, NOW))
        if differences(before, files):
            adopt(registry, files, Attribution("ann", NOW, "a test wants these rules"))
        return governed(**policy)

    return put


@pytest.fixture(scope="module")
def model(model_of):
    return model_of("robust_z_score")


@pytest.fixture(scope="module")
def three_versions(model, tmp_path_factory):
    """Where a registry and a store of three versions lie."""
    folder = tmp_path_factory.mktemp("three")
    store, registry = open_artifacts(str(folder / "artifacts")), Registry(f"sqlite:///{folder}/registry.db")
    for version in ("v1", "v2", "v3"):
        register(with_manifest(model, version=version), store, registry, BY_ANN)
        evaluate(registry, version)
    return folder


@pytest.fixture
def move(three_versions, tmp_path, store, registry):
    """Promotes; v1, v2 and v3 are registered, and passed their gates."""
    shutil.copytree(three_versions, tmp_path, dirs_exist_ok=True)

    runs = (f"run-{number}" for number in itertools.count(1))

    def move(version="v1", **changes):
        asked = {
            "alias": CHAMPION,
            "reason": "it finds more",
            "actor": "bob",
            "effective_at": None,
            "expected": None,
        }
        now, governance = changes.pop("now", NOW), changes.pop("governance", None) or governed()
        request = PromotionRequest(version, **asked | changes)
        return promote(registry, store, governance, request, now=now, run_id=next(runs))

    return move


@pytest.fixture
def refused(move, registry):
    """Promotes what must be refused, and looks at whether anything moved."""

    def refused(error, match, **asked):
        before = registry.aliases(), registry.history(CHAMPION), registry.versions()
        with pytest.raises(error, match=match):
            move(**asked)
        assert (registry.aliases(), registry.history(CHAMPION), registry.versions()) == before

    return refused
