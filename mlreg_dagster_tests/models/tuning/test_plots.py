"""Pictures of studies, drawn from their records."""

import base64
import dataclasses

import pytest

from mlreg_dagster.models.tuning import plots
from mlreg_dagster_tests.models.tuning.studies import a_study
from mlreg_dagster_tests.svg import is_a_sentence, words_of

pytestmark = pytest.mark.pictures


def test_each_picture_says_what_it_shows():
    study = a_study()
    assert "2 complete (dots), 1 pruned (crosses), best so far (line)" in drawn_in(plots.history(study))
    assert words_of(plots.importance(study)) == "Importance: params.n_estimators 0.75, whiten 0.25"
    lines = drawn_in(plots.parallel_coordinates(study))
    assert all(f">{text}<" in lines for text in ("n_estimators", "objective", "100"))


def test_a_study_with_nothing_to_draw_says_so():
    nothing = dataclasses.replace(a_study(), trials=(), best=None, importance={})
    assert words_of(plots.history(nothing))
    assert is_a_sentence(plots.importance(nothing))
    assert is_a_sentence(plots.parallel_coordinates(nothing))


def drawn_in(markdown):
    assert words_of(markdown)
    return base64.b64decode(markdown.rpartition(",")[2].removesuffix(")")).decode()
