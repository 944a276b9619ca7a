"""Records of studies: JSON in and out, and the artifact store."""

import dataclasses
import json

import pytest

from mlreg_dagster.models.tuning.record import NoStudy, Study, read_study, study_names, write_study
from mlreg_dagster.storage.artifacts import ArtifactFrozen, ArtifactTampered, InvalidArtifact, open_artifacts
from mlreg_dagster_tests.models.tuning.studies import a_study


def test_a_record_reads_back_as_it_was_written():
    assert Study.from_json(a_study().to_json()) == a_study()


def test_a_record_is_json_that_any_program_reads_also_where_a_figure_is_undefined():
    first, *others = a_study().trials
    odd = dataclasses.replace(a_study(), trials=(dataclasses.replace(first, worth=float("nan")), *others))
    text = odd.to_json()
    assert "NaN" not in text
    assert Study.from_json(text).trials[0].worth is None


def test_a_record_of_a_later_release_with_further_keys_is_read():
    values = json.loads(a_study().to_json())
    values["later"], values["trials"][0]["later"] = 1, 2
    assert Study.from_json(json.dumps(values)) == a_study()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "folds": 5}', "{not json"])
def test_what_is_no_record_is_refused_in_words(text):
    with pytest.raises(NoStudy, match="no record of a study"):
        Study.from_json(text)


def test_a_record_of_another_format_says_which_one_is_read():
    with pytest.raises(NoStudy, match="format 2; this release reads format 1"):
        Study.from_json(json.dumps({**json.loads(a_study().to_json()), "format": 2}))


def test_pruned_trials_count_as_finished_and_failed_ones_do_not():
    study = a_study()
    assert [trial.number for trial in study.finished] == [0, 1, 2]
    assert study.pruned_share == pytest.approx(1 / 3)
    assert study.best_trial == study.trials[1]
    empty = dataclasses.replace(study, trials=(), best=None)
    assert (empty.pruned_share, empty.best_trial) == (0.0, None)


def test_a_study_is_stored_once(tmp_path):
    store = open_artifacts(str(tmp_path))
    assert study_names(store) == []
    first = write_study(store, a_study())
    assert write_study(store, a_study()) == first
    assert (study_names(store), read_study(store, "forest")) == (["forest"], a_study())
    with pytest.raises(ArtifactFrozen):
        write_study(store, dataclasses.replace(a_study(), seed=8))


def test_a_changed_record_is_refused(tmp_path):
    store = open_artifacts(str(tmp_path))
    write_study(store, a_study())
    file = tmp_path / "studies" / "forest" / "study.json"
    file.chmod(0o600)
    file.write_text(a_study().to_json().replace('"seed": 7', '"seed": 8'))
    with pytest.raises(ArtifactTampered):
        read_study(store, "forest")


@pytest.mark.parametrize("name", ["other", "", "../models", "/etc/passwd"])
def test_a_study_that_is_not_there_is_named_with_those_that_are(tmp_path, name):
    store = open_artifacts(str(tmp_path))
    write_study(store, a_study())
    with pytest.raises(NoStudy, match="Finished studies: forest"):
        read_study(store, name)


def test_a_name_that_no_folder_can_have_is_refused(tmp_path):
    with pytest.raises(InvalidArtifact):
        write_study(open_artifacts(str(tmp_path)), a_study("../models"))
