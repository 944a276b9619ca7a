"""What people wrote: in use_case.yaml, and in Markdown files of the project."""

import pytest

from mlreg_dagster.config import ConfigError
from mlreg_dagster.config.sections.documentation import Documentation
from mlreg_dagster.evidence.dossier.texts import texts_of

LONG = "Ranking by volatility finds the same crashes."


@pytest.fixture
def project(tmp_path):
    (tmp_path / "docs" / "dossier").mkdir(parents=True)
    return tmp_path


def test_texts_are_found_in_both_places(project):
    (project / "docs" / "dossier" / "feasibility.md").write_text(f"\n{LONG}\n", encoding="utf-8")
    documentation = Documentation.model_validate({"limits": LONG, "data": {"origin": LONG}})
    assert texts_of(documentation, project) == {"limits": LONG, "data.origin": LONG, "feasibility": LONG}


@pytest.mark.parametrize("text", ["", "TODO: write this down later", "short"])
def test_a_placeholder_is_not_written_yet(project, text):
    (project / "docs" / "dossier" / "feasibility.md").write_text(text, encoding="utf-8")
    assert texts_of(Documentation(), project) == {}


@pytest.mark.parametrize(("content", "problem"), [(b"\xff\xfe", "can't be read"), (b"x" * 200_001, "Shorten it")])
def test_a_file_that_can_not_be_used_is_an_error_and_not_left_out(project, content, problem):
    (project / "docs" / "dossier" / "problem.md").write_bytes(content)
    with pytest.raises(ConfigError, match=problem):
        texts_of(Documentation(), project)


def test_a_project_without_such_files_is_fine(tmp_path):
    assert texts_of(Documentation(), tmp_path) == {}
