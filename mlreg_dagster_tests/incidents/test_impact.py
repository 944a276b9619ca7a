"""The blast radius of an hour, against an oracle that looks at every row by itself.

Many more hours are asked of its page, in `pages.hour.test_blast`.
"""

import shutil
from dataclasses import replace

import pytest
from upath import UPath

from mlreg_dagster.incidents.impact import UnknownInstrument, impact_of
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.incidents.asked import ASKED, differing, home, oracle
from mlreg_dagster_tests.incidents.oracle import as_facts
from mlreg_dagster_tests.market.frames import at

__all__ = ["home", "oracle"]


def ask(home, offset, instrument=None):
    with home.reader.tables() as tables:
        return impact_of(at(offset), instrument, home.registry, tables, home.store, home.settings)


def test_repaired_hours_are_as_the_oracle_says(home, oracle):
    wrong, met = differing(lambda *asked: as_facts(ask(home, *asked)), oracle, ASKED[:6])
    assert wrong == []
    assert met >= {"changed", "trained", "reigns", "label", "price"}


def test_a_dataset_that_cannot_be_read_is_named(home, tmp_path):
    copied = shutil.copytree(home.folder / "artifacts", tmp_path / "artifacts")
    (copied / "training_dataset" / "2020-01-10" / "lineage.json").write_text("{}")
    found = ask(replace(home, store=open_artifacts(UPath(copied))), 200)
    assert found.remarks[0].startswith("training_dataset 2020-01-10 can't be read, and may rest on the hour: ")
    assert {(each.kind, each.day) for each in found.datasets} >= {("eval_holdout", "2020-01-10")}


def test_an_instrument_that_nobody_observed_is_refused(home):
    with pytest.raises(UnknownInstrument, match="coin9 is in no hour of the tables"):
        ask(home, 200, "coin9")
