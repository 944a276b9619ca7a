import re
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
    ModelSettings,
    OutcomeSettings,
    Settings,
    load_settings,
)
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster_tests.repository import PROJECT_DIR

SHIPPED = sorted((PROJECT_DIR / "configs").glob("*.yaml"))
MODELS = {
    "model": ModelSettings(),
    "model_lof": ModelSettings(
        detector="local_outlier_factor", params={"n_neighbors": 20}, contamination=0.02, max_training_rows=10_000
    ),
    "model_conservative": ModelSettings(contamination=0.05),
    "model_aggressive": ModelSettings(contamination=0.12),
}


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    folder.mkdir()
    return folder


def _load(folder: Path, file: str, text: str) -> Settings:
    (folder / file).write_text(text, encoding="utf-8")
    return load_settings(folder)


def _keys(values: object, prefix: str = "") -> set[str]:
    if not isinstance(values, dict):
        return {prefix}
    return {prefix} | {key for name, value in values.items() for key in _keys(value, f"{prefix}.{name}")}


def test_the_shipped_files_hold_the_defaults():
    """But for the market's end, which is that of the demo: one's own market goes on."""
    shipped = load_settings()
    assert shipped.ingest.end == as_hour("2026-01-24")
    goes_on = shipped.ingest.model_copy(update={"end": None})
    assert shipped.model_copy(update={"ingest": goes_on}) == Settings(models=MODELS)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_files_spell_out_every_key(path):
    settings = load_settings()
    section = settings.models.get(path.stem) or getattr(settings, path.stem)
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    unused = {name: {} for name, value in section if value == {}}  # which are left out of what is recorded
    assert _keys(written) == _keys(section.model_dump(mode="json") | unused)


def test_every_section_has_a_file():
    assert {path.stem for path in SHIPPED} == (set(Settings.model_fields) - {"models"}) | set(MODELS)


BAD = {
    "unknown key": (
        "features.yaml",
        "lag_hour: [1]",
        "lag_hour",
        "lag_hours, rolling_hours, min_window_share",
    ),
    "unknown nested key": ("ingest.yaml", "archive: {columns: {price: p}}", "archive.columns.price", "close"),
    "unknown value": ("promotion.yaml", "automatic: always", "automatic", "'never', 'passed' or 'better'"),
    "text for a number": ("ingest.yaml", "universe: many", "universe", "integer"),
    "yes for a number": ("ingest.yaml", "universe: yes", "universe", "integer"),
    "fraction for a count": ("ingest.yaml", "universe: 1.5", "universe", "integer"),
    "number for a text": ("ingest.yaml", "coingecko: {vs_currency: 1}", "coingecko.vs_currency", "string"),
    "number for a list": ("features.yaml", "lag_hours: 3", "lag_hours", "array"),
    "number for a time": ("ingest.yaml", "start: 7200", "start", "must be a time"),
    "null for a number": ("promotion.yaml", "min_reason_length: null", "min_reason_length", "integer"),
    "value for a block": ("ingest.yaml", "checks: 0.9", "checks", "object"),
    "share above 1": ("evaluation.yaml", "max_rate_shift: 1.1", "max_rate_shift", "less than or equal to 1"),
    "lag of 0": ("features.yaml", "lag_hours: [1, 0]", "lag_hours.1", "greater than or equal to 1"),
    "no number": ("evaluation.yaml", "min_score_gap: .nan", "min_score_gap", "finite"),
    "infinite": ("evaluation.yaml", "injection: {volume_factor: .inf}", "injection.volume_factor", "finite"),
    "half an hour": ("ingest.yaml", "start: 2026-01-01T00:30:00Z", "start", "whole hour"),
    "rise as a crash": ("outcomes.yaml", "crash_pct: 15", "crash_pct", "less than 0"),
    "crossed range": ("evaluation.yaml", "min_anomaly_rate: 0.5", "min_anomaly_rate", "must not exceed"),
    "no training": ("datasets.yaml", "embargo_hours: 168", "history_hours", "more than holdout_hours"),
    "too much training": ("datasets.yaml", "min_training_hours: 169", "min_training_hours", "168 h"),
    "too much holdout": ("datasets.yaml", "min_holdout_hours: 25", "min_holdout_hours", "24 h"),
    "tolerance": ("outcomes.yaml", "price_tolerance_hours: 24", "price_tolerance_hours", "less than horizon"),
    "features that outlive their snapshots": (
        "retention.yaml",
        "snapshot_days: 90",
        "feature_days",
        "at most snapshot_days",
    ),
    "no days": ("retention.yaml", "raw_days: 0", "raw_days", "greater than or equal to 1"),
    "an alias": ("ingest.yaml", "universe: &u 3\nchunk_hours: *u", "ingest.yaml", "aliases (*) are not allowed"),
    "a key twice": ("ingest.yaml", "universe: 3\nuniverse: 4", "ingest.yaml", "a key is written twice"),
    "archive without path": ("ingest.yaml", "source: archive", "archive.path", "Parquet or CSV"),
}


@pytest.mark.parametrize(("file", "text", "key", "allowed"), BAD.values(), ids=BAD)
def test_a_bad_value_is_an_error_with_file_key_and_what_is_allowed(configs, file, text, key, allowed):
    with pytest.raises(ConfigError) as error:
        _load(configs, file, text)
    assert str(configs / file) in str(error.value)
    assert re.search(rf"\b{re.escape(key)}\b", str(error.value))
    assert allowed in str(error.value)


def test_what_is_still_read_is_kept(configs):
    with pytest.raises(ConfigError, match=r"retention.yaml: feature_days \(30\) is too short: .* keep 37 days or more"):
        _load(configs, "retention.yaml", "snapshot_days: 37\nfeature_days: 30")
    assert _load(configs, "retention.yaml", "snapshot_days: 37\nfeature_days: 37").retention.feature_days == 37


def test_all_mistakes_of_a_file_are_told_at_once(configs):
    with pytest.raises(ConfigError, match=r"universe: .*; chunk_hours: .*; sourze: unknown key"):
        _load(configs, "ingest.yaml", "universe: 0\nchunk_hours: 1\nsourze: archive")


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "- universe",
        "universe",
        "start: 2026-02-30",
        "a: 1\n\tb: 2",
        "? {a: 1}\n: 2",
        "a: '\ud83d'",
        r'source: "\ud83d"',
    ],
)
def test_a_file_that_is_no_mapping_in_yaml_is_refused_by_name(configs, text):
    path = configs / "ingest.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load_settings(configs)


@pytest.mark.parametrize("file", ["ingst.yaml", "ingest.yml", "models.yaml", "modellof.yaml", "model_lof.yml"])
def test_an_unknown_file_is_refused_with_the_known_ones(configs, file):
    with pytest.raises(ConfigError, match=rf"{file} is not a config file.*ingest\.yaml"):
        _load(configs, file, "")


def test_an_empty_file_means_the_defaults(configs):
    assert _load(configs, "model_lof.yaml", "# nothing\n").model("model_lof") == ModelSettings()


def test_a_missing_folder_is_an_error(configs, monkeypatch):
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(configs / "nowhere"))
    with pytest.raises(ConfigError, match=r"nowhere.*MLREG_CONFIG_DIR"):
        load_settings()


def test_another_folder_replaces_the_files_one_by_one(configs, monkeypatch):
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(configs))
    (configs / "model_own.yaml").write_text("contamination: 0.01")
    settings = _load(configs, "ingest.yaml", "universe: 3\nsimulated: {seed: 8}")
    assert settings == load_settings()
    assert settings.ingest == IngestSettings().override({"universe": 3, "simulated": {"seed": 8}})
    assert settings.models == MODELS | {"model_own": ModelSettings(contamination=0.01)}


def test_an_unknown_model_is_an_error_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"no model_own\.yaml.*model_lof\.yaml"):
        load_settings().model("model_own")


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
    ingest = _load(configs, "ingest.yaml", f"source: archive\narchive: {{path: '{written}'}}").ingest
    assert Path(ingest.archive.path) == configs.parent / meant


def test_a_relative_config_folder_is_relative_to_where_one_stands(configs, monkeypatch):
    monkeypatch.chdir(configs.parent)
    ingest = _load(Path("configs"), "ingest.yaml", "source: archive\narchive: {path: bars.csv}").ingest
    assert Path(ingest.archive.path) == configs / "bars.csv"


def test_times_are_utc_whole_hours(configs):
    for text in ("2017-11-20", "2017-11-20T00:00:00Z", "2017-11-20T01:00:00+01:00", "'2017-11-20T00:00'"):
        assert _load(configs, "ingest.yaml", f"start: {text}").ingest.start == pd.Timestamp("2017-11-20", tz="UTC")


def test_override_changes_what_it_names_and_leaves_the_original():
    outcomes = OutcomeSettings()
    assert outcomes.override({"crash_pct": -5}) == OutcomeSettings(crash_pct=-5.0)
    assert outcomes == OutcomeSettings()
    evaluation = EvaluationSettings().override({"injection": {"rounds": 2}})
    assert (evaluation.injection.rounds, evaluation.injection.seed) == (2, 20)
    assert ModelSettings().override({"params": {"n_neighbors": 5}}).params == {"n_neighbors": 5}


@pytest.mark.parametrize("detector", ["local_outlier_factor", "robust_z_score", "of_a_plugin"])
def test_another_detector_does_not_inherit_the_parameters_of_the_isolation_forest(configs, detector):
    own = _load(configs, "model_own.yaml", f"detector: {detector}\nseed: 3").model("model_own")
    assert own.params == {}
    assert own.override({"params": {"k": 5}}).override({"seed": 4}).params == {"k": 5}
    by_default = _load(configs, "model_own.yaml", "seed: 3").model("model_own")
    assert by_default.params == {"n_estimators": 200, "max_samples": 1.0}
    assert by_default.override({"detector": detector}) == own
    assert own.override({"detector": "isolation_forest"}) == by_default
    spelled_out = by_default.override({"params": {"n_estimators": 50}})
    assert spelled_out.override({"detector": detector}).params == {"n_estimators": 50}  # nothing written is dropped


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crash": -5}, r"run config: crash: unknown key; allowed are .*crash_pct"),
        ({"crash_pct": "-5"}, r"run config: crash_pct: .*number"),
        ({"crash_pct": 5}, r"run config: crash_pct: .*less than 0"),
        ({"horizon_hours": 4, "price_tolerance_hours": 4}, r"run config: as a whole: price_tolerance_hours"),
    ],
)
def test_override_is_checked_like_a_file(values, message):
    with pytest.raises(ConfigError, match=message):
        OutcomeSettings().override(values)


def test_settings_do_not_change_under_a_run():
    with pytest.raises(ValueError, match="frozen"):
        load_settings().outcomes.crash_pct = -1


def test_a_model_that_is_to_be_retrained_must_have_a_file(configs):
    with pytest.raises(ConfigError, match=r"There is no model_svm\.yaml among the configs; models are: model\.yaml"):
        _load(configs, "retraining.yaml", "models: [model_svm]")


def test_the_lookback_covers_the_longest_window():
    assert Settings().max_lookback_hours == 168


_GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=5,
)
_KEYS = {path.name: sorted(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in SHIPPED}
_FILES = st.sampled_from(sorted(_KEYS)).flatmap(
    lambda file: st.tuples(
        st.just(file),
        st.dictionaries(st.sampled_from(_KEYS[file]) | st.text(max_size=5), _GARBAGE, max_size=3),
    )
)


@given(_FILES)
def test_garbage_is_taken_or_is_a_config_error(tmp_path, file_and_values):
    file, values = file_and_values
    folder = tmp_path / "garbage"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (folder / file).write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    _assert_taken_or_config_error(folder, file)


@given(st.binary(max_size=40))
def test_any_bytes_are_taken_or_are_a_config_error(tmp_path, content):
    (tmp_path / "promotion.yaml").write_bytes(content)
    _assert_taken_or_config_error(tmp_path, "promotion.yaml")


def _assert_taken_or_config_error(folder, file):
    try:
        loaded = load_settings(folder)
    except ConfigError as error:
        loaded = error
    assert isinstance(loaded, Settings) or str(folder / file) in str(loaded)


def test_the_end_of_the_partitions_lies_after_their_start(configs):
    with pytest.raises(ConfigError, match=r"end \(2026-01-01 00:00\) must lie after start \(2026-01-01 00:00\)"):
        _load(configs, "ingest.yaml", "start: 2026-01-01T00:00\nend: 2026-01-01T00:00")
    ingest = _load(configs, "ingest.yaml", "start: 2026-01-01T00:00\nend: 2026-01-03T00:00").ingest
    first, last = pd.Timestamp("2026-01-01", tz="UTC"), pd.Timestamp("2026-01-02T23:00", tz="UTC")
    assert (ingest.first_hour, ingest.last_hour) == (first, last)
    hour = pd.Timedelta(hours=1)
    assert [ingest.covers(each) for each in (first - hour, first, last, last + hour)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"promotion": {"low": {"roles": ["risk_officer"]}}}, "low.roles: nobody among people is a risk_officer"),
        (
            {"promotion": {"people": {"anna": {}}}, "use_case": {"risk_tier": "high"}},
            "high.approvals: 2 are asked for, but people names 1",
        ),
        ({"promotion": {"people": {" ": {}}}}, "people: A name must not be blank"),
        ({"promotion": {"people": {"anna": {"public_key": "c2hvcnQ="}}}}, "must be an Ed25519 public key"),
        (
            {"promotion": {"freezes": [{"first": "2026-01-02T00:00", "until": "2026-01-01T00:00", "reason": "x"}]}},
            "until must be later than first",
        ),
        ({"use_case": {"risk_tier": "medium"}}, "risk_tier: Input should be 'low' or 'high'"),
        ({"use_case": {"success": [{"metric": "lift"}]}}, "write at_least, at_most, or both"),
        ({"use_case": {"constraints": {"max_latency_ms": 0}}}, "constraints.max_latency_ms"),
    ],
)
def test_a_policy_that_nobody_could_meet_or_understand_is_refused(tmp_path, files, message):
    for name, values in files.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_settings(tmp_path)


def test_the_hash_of_a_use_case_changes_with_every_word(tmp_path):
    hashes = {load_settings().use_case.sha256}
    for values in ({"owner": "somebody else"}, {"risk_tier": "high"}, {"constraints": {"max_model_mb": 99.0}}):
        (tmp_path / "use_case.yaml").write_text(yaml.safe_dump(values))
        hashes.add(load_settings(tmp_path).use_case.sha256)
    assert len(hashes) == 4
