"""The search: one database for many, and seeds that decide what is proposed."""

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


def test_another_seed_proposes_other_parameters(tunable):
    def proposed(seed):
        order = order_of(tunable, seed=seed)
        study = optuna.create_study(sampler=search._sampler(order, 3))
        return suggest(study.ask(), order.space)

    assert proposed(1) == proposed(1) != proposed(2)
