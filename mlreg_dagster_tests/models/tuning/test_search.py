"""The search: one database for many, and seeds that decide what is proposed."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest

from mlreg_dagster.models.tuning import search
from mlreg_dagster.models.tuning.space import suggest
from mlreg_dagster_tests.models.tuning.conftest import order_of


@pytest.mark.slow
def test_a_new_database_can_be_opened_by_many_at_once(tunable, tmp_path):
    order = order_of(tunable)
    with ThreadPoolExecutor(6) as threads:
        opened = list(
            threads.map(lambda _: search.study_in(tmp_path / "t" / "s.sqlite", order.name, order.tuning), range(6))
        )
    assert {study.study_name for study in opened} == {order.name}


@pytest.mark.slow
def test_a_storage_that_was_imported_is_opened_without_a_further_import():
    program = (
        "import sys; from mlreg_dagster.models.tuning import search as s; s.import_storage(); known = {*sys.modules}\n"
        "s.RDBStorage('sqlite://').get_all_studies(); print(sorted(set(sys.modules) - known), 'alembic' in known)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["[]", "True"]


def test_another_seed_proposes_other_parameters(tunable):
    def proposed(seed):
        order = order_of(tunable, seed=seed)
        study = optuna.create_study(sampler=search._sampler(order, 3))
        return suggest(study.ask(), order.space)

    assert proposed(1) == proposed(1) != proposed(2)
