"""The shipped files and what they mean."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import (
    ConfigError,
    EvaluationSettings,
    IngestSettings,
    RolloutPolicy,
    Settings,
    UseCaseSettings,
    load_settings,
)
from mlreg_dagster.config.section import Section
from mlreg_dagster.config.sections.governance import SuccessMetric, TierPolicy
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster_tests.config.files import MODELS, SHIPPED, load_file


def _keys(values: object, prefix: str = "") -> set[str]:
    if not isinstance(values, dict):
        return {prefix}
    return {prefix} | {key for name, value in values.items() for key in _keys(value, f"{prefix}.{name}")}


def test_the_shipped_files_hold_the_defaults():
    """But for the market's end and what people wrote, which are those of the demo."""
    shipped = load_settings()
    assert shipped.ingest.end == as_hour("2026-01-24")
    goes_on = shipped.ingest.model_copy(update={"end": None})
    undocumented = shipped.use_case.model_copy(update={"documentation": None})
    assert shipped.model_copy(update={"ingest": goes_on, "use_case": undocumented}) == Settings(models=MODELS)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_files_spell_out_every_key(path):
    settings = load_settings()
    section = settings.models.get(path.stem) or getattr(settings, path.stem)
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    unused = {name: {} for name, value in section if value == {}}  # which are left out of what is recorded
    parts = {name: part.model_dump(mode="json") for name, part in section if isinstance(part, Section)}
    recorded = parts | section.model_dump(mode="json")  # a part that says nothing new is left out of what is recorded
    optional = {f".{name}" for name, _ in section} - _keys(recorded | unused)  # unset, and so not recorded
    assert _spelt_out(_keys(_without_unused(written)) - optional) == _spelt_out(_keys(recorded | unused))


def _spelt_out(keys):
    """Without what people name themselves: of a range in a search space most files need not say all."""
    return {key for key in keys if not key.startswith(".spaces.")}


def test_every_section_has_a_file():
    assert {path.stem for path in SHIPPED} == (set(Settings.model_fields) - {"models"}) | set(MODELS)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("bars.parquet", "configs/bars.parquet"),
        ("../d/*.csv", "configs/../d/*.csv"),
        ("/d/bars.csv", "/d/bars.csv"),
    ],
)
def test_an_archive_path_is_relative_to_its_config_file(configs, monkeypatch, written, meant):
    monkeypatch.chdir("/")
    ingest = load_file(configs, "ingest.yaml", f"source: archive\narchive: {{path: '{written}'}}").ingest
    assert Path(ingest.archive.path) == configs.parent / meant


def test_a_relative_config_folder_is_relative_to_where_one_stands(configs, monkeypatch):
    monkeypatch.chdir(configs.parent)
    ingest = load_file(Path("configs"), "ingest.yaml", "source: archive\narchive: {path: bars.csv}").ingest
    assert Path(ingest.archive.path) == configs / "bars.csv"


def test_times_are_utc_whole_hours(configs):
    for text in ("2017-11-20", "2017-11-20T00:00:00Z", "2017-11-20T01:00:00+01:00", "'2017-11-20T00:00'"):
        assert load_file(configs, "ingest.yaml", f"start: {text}").ingest.start == pd.Timestamp("2017-11-20", tz="UTC")


def test_settings_do_not_change_under_a_run():
    with pytest.raises(ValueError, match="frozen"):
        load_settings().outcomes.crash_pct = -1


def test_a_model_that_is_to_be_retrained_must_have_a_file(configs):
    with pytest.raises(ConfigError, match=r"There is no model_svm\.yaml among the configs; models are: model\.yaml"):
        load_file(configs, "retraining.yaml", "models: [model_svm]")


def test_the_lookback_covers_the_longest_window():
    assert Settings().max_lookback_hours == 168


def test_the_hash_of_a_use_case_changes_with_every_word(tmp_path):
    hashes = {load_settings().use_case.sha256}
    for values in ({"owner": "somebody else"}, {"risk_tier": "high"}, {"constraints": {"max_model_mb": 99.0}}):
        (tmp_path / "use_case.yaml").write_text(yaml.safe_dump(values))
        hashes.add(load_settings(tmp_path).use_case.sha256)
    assert len(hashes) == 4


@pytest.mark.parametrize("detector", ["local_outlier_factor", "robust_z_score", "of_a_plugin"])
def test_another_detector_does_not_inherit_the_parameters_of_the_isolation_forest(configs, detector):
    own = load_file(configs, "model_own.yaml", f"detector: {detector}\nseed: 3").model("model_own")
    assert own.params == {}
    assert own.override({"params": {"k": 5}}).override({"seed": 4}).params == {"k": 5}
    by_default = load_file(configs, "model_own.yaml", "seed: 3").model("model_own")
    assert by_default.params == {"n_estimators": 200, "max_samples": 1.0}
    assert by_default.override({"detector": detector}) == own
    assert own.override({"detector": "isolation_forest"}) == by_default
    spelled_out = by_default.override({"params": {"n_estimators": 50}})
    assert spelled_out.override({"detector": detector}).params == {"n_estimators": 50}  # nothing written is dropped


def _without_unused(values):
    """Worth, a rollout and intervals that a tier does not ask for are left out of what is recorded."""
    if not isinstance(values, dict):
        return values
    return {
        name: _without_unused(value)
        for name, value in values.items()
        if not (name in ("worth", "rollout") and value is None)
        if not (name == "planted_interval" and value is False)
    }


def test_the_hash_of_a_use_case_of_before_there_were_lead_times_is_what_it_was():
    before = UseCaseSettings(
        worth=None,
        success=(
            SuccessMetric(metric="lift", at_least=1.0),
            SuccessMetric(metric="false_alarm_rate", at_most=0.2),
        ),
    )
    assert before.sha256 == "20400e75087667cbd6d92aec901c4b50fdf2cf8039cd6c2a2fe436243c5dabf7"


@pytest.mark.parametrize("metric", ["lead_time_hours", "flagged_before_fall"])
def test_how_early_flags_come_can_be_asked_for_with_a_lower_bound_alone(tmp_path, metric):
    folder = written(tmp_path, f"success: [{{metric: {metric}, at_least: 0.5}}]")
    assert load_settings(folder).use_case.success[0].metric == metric
    with pytest.raises(ConfigError, match=f"{metric} can't be too high: write at_least alone"):
        load_settings(written(tmp_path, f"success: [{{metric: {metric}, at_most: 0.5}}]"))


def written(folder, text):
    """A config folder with this use_case.yaml."""
    (folder / "use_case.yaml").write_text(text)
    return folder


def test_a_tier_without_a_rollout_leaves_the_recorded_policy_as_it_was():
    assert "rollout" not in TierPolicy().model_dump(mode="json")
    asked = TierPolicy(rollout=RolloutPolicy(required=True))
    assert TierPolicy.model_validate(asked.model_dump(mode="json")) == asked


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{steps: [canary_5, shadow]}", "low.rollout.steps: must name each step once, in the order shadow, canary_5"),
        ("{steps: [shadow, shadow]}", "low.rollout.steps: must name each step once"),
        ("{steps: []}", "low.rollout.steps: Tuple should have at least 1 item"),
        ("{steps: [canary_10]}", "low.rollout.steps.0: Input should be 'shadow', 'canary_5'"),
        ("{dwell_hours: 24, max_hold_hours: 24}", "max_hold_hours must be longer than dwell_hours and watch_hours"),
        ("{dwel_hours: 2}", "low.rollout.dwel_hours: unknown key; allowed are required, steps, dwell_hours"),
    ],
)
def test_an_impossible_rollout_is_refused(configs, text, message):
    with pytest.raises(ConfigError, match=message):
        load_file(configs, "promotion.yaml", f"low: {{rollout: {text}}}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flagged_at_least: 0.3", "flagged_at_least must be less than flagged_at_most"),
        ("stale_seconds: 5", "flush_seconds must be less than stale_seconds"),
        ("evidence: 1.0", "evidence: Input should be greater than 1"),
        ("restarts: 1", "restarts: Input should be greater than or equal to 2"),
    ],
)
def test_impossible_budgets_are_refused(configs, text, message):
    with pytest.raises(ConfigError, match=rf"rollout\.yaml: .*{message}"):
        load_file(configs, "rollout.yaml", text)


def test_planting_seeds_are_a_count_or_a_list():
    assert EvaluationSettings().injection.all_seeds == (20, 21, 22, 23, 24)
    assert EvaluationSettings().override({"injection": {"seed": 7}}).injection.all_seeds == (7, 8, 9, 10, 11)
    assert EvaluationSettings().override({"injection": {"seeds": [3, 1]}}).injection.all_seeds == (3, 1)
    for seeds in ([], [1, 1], 0):
        with pytest.raises(ConfigError, match=r"injection\.seeds"):
            EvaluationSettings().override({"injection": {"seeds": seeds}})


def test_a_record_of_an_earlier_release_means_one_seed_one_day_and_no_refits():
    recorded = EvaluationSettings().model_dump(mode="json")
    for section, names in (("injection", ("seeds", "days")), ("comparison", ("refits",))):
        for name in names:
            del recorded[section][name]
    recorded["injection"]["rounds"] = 5
    read = EvaluationSettings.of_record(recorded)
    assert (read.injection.all_seeds, read.injection.days, read.comparison.refits) == ((20,), 1, 0)
    assert read.model_dump(mode="json") == recorded  # so the hash of a policy that holds it stays the same
    assert EvaluationSettings.of_record(EvaluationSettings().model_dump(mode="json")) == EvaluationSettings()


def test_a_tier_that_does_not_ask_for_intervals_is_recorded_as_before():
    assert "planted_interval" not in TierPolicy().model_dump(mode="json")
    assert TierPolicy(planted_interval=True).model_dump(mode="json")["planted_interval"] is True
    assert Settings().promotion.high.planted_interval
    assert not Settings().promotion.low.planted_interval


@given(universe=st.integers(1, 200_000), hours=st.integers(24, 9000), rows=st.integers(1, 2_000_000))
def test_the_hours_in_memory_have_no_more_rows_than_asked_unless_one_day_has(universe, hours, rows):
    ingest = IngestSettings(universe=universe, chunk_hours=hours, chunk_rows=rows)
    at_once = ingest.hours_at_once
    assert 24 <= at_once <= hours
    assert at_once * universe <= rows or at_once == 24
    assert at_once == hours or (at_once % 24 == 0 and (at_once + 24) * universe > rows)
