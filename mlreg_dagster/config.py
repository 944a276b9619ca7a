"""configs/*.yaml as typed settings: one class a file, checked as a whole when the code location loads.

The classes hold the defaults. The files in `configs/` spell them out for people; a folder named by
MLREG_CONFIG_DIR replaces them file by file.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator, model_validator
from pydantic_core import to_json

from mlreg_dagster.errors import MlregError
from mlreg_dagster.hours import NotAnHour, as_hour

PROJECT_DIR = Path(__file__).resolve().parent.parent

_Validated = TypeVar("_Validated", bound=BaseModel)


class ConfigError(MlregError):
    """A configuration value that can't be used; the message names file, key and what is allowed."""


def _whole_hour(value: object, _: object) -> pd.Timestamp:
    if not isinstance(value, str | datetime):
        raise ValueError("must be a time, written as 2017-12-20T00:00")
    try:
        return as_hour(value)
    except NotAnHour as error:
        raise ValueError(str(error)) from error


Hour = Annotated[datetime, WrapValidator(_whole_hour)]
Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    def override(self, values: Mapping[str, Any], where: str = "run config") -> Self:
        """A copy with some values replaced, checked like a file; `where` is named in errors.

        Raises:
            ConfigError: An unknown key, a wrong type or an impossible value.
        """
        return _validated(type(self), _merged(self.model_dump(), values), where)


class SimulatedSettings(_Section):
    """The seeded market: how many events of each kind to plant, per instrument and 30 days."""

    seed: Annotated[int, Field(ge=0)] = 7
    opens: Hour = as_hour("2026-01-01")
    hourly_volatility_pct: Annotated[float, Field(gt=0, le=20)] = 0.8
    crashes: Annotated[float, Field(ge=0, le=10)] = 0.5
    pumps: Annotated[float, Field(ge=0, le=10)] = 0.5
    volume_shocks: Annotated[float, Field(ge=0, le=10)] = 0.5
    gaps: Annotated[float, Field(ge=0, le=10)] = 0.3
    delistings: Annotated[float, Field(ge=0, le=1)] = 0.01


class ArchiveColumns(_Section):
    """What the archive calls its columns."""

    instrument_id: str = "asset_id"
    symbol: str = "symbol"
    time: str = "ts"
    close: str = "close"
    volume: str = "volume"


class ArchiveSettings(_Section):
    """Hourly OHLCV bars in Parquet or CSV files."""

    path: str | None = Field(None, description="A file or glob; relative to the folder of the config file.")
    columns: ArchiveColumns = ArchiveColumns()
    exclude: tuple[str, ...] = Field((), description="Instruments to leave out, an index for example.")
    volume_unit: Literal["base", "quote"] = Field(
        "base", description="base: coins or shares, multiplied by the close; quote: money already."
    )


class CoinGeckoSettings(_Section):
    """The CoinGecko API."""

    base_url: Annotated[str, Field(pattern=r"^https?://")] = "https://api.coingecko.com/api/v3"
    api_key_env: str = Field("COINGECKO_API_KEY", description="Environment variable of the key; unset: none.")
    api_key_header: Literal["x-cg-demo-api-key", "x-cg-pro-api-key"] = "x-cg-demo-api-key"
    vs_currency: str = "usd"
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 20.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    max_wait_s: Annotated[float, Field(gt=0, le=600)] = Field(
        120.0, description="Longest single wait before a retry; a longer Retry-After is an error."
    )
    requests_per_minute: Annotated[float, Field(gt=0)] = 25.0


class SnapshotChecks(_Section):
    """Thresholds of the asset checks on market_snapshot."""

    completeness: Share = 0.95
    completeness_columns: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "price",
        "volume_24h",
        "change_1h_pct",
        "change_24h_pct",
        "change_7d_pct",
    )
    min_universe_share: Share = Field(0.8, description="Rows of an hour against `universe`.")
    allow_empty_hours: bool = Field(False, description="true for markets that close (nights, holidays).")
    max_abs_change_1h_pct: Percent = 50.0
    max_implausible_share: Share = 0.02
    max_age_hours: Count = 3


class IngestSettings(_Section):
    """ingest.yaml: where the market comes from."""

    source: Literal["simulated", "archive", "coingecko"] = "simulated"
    start: Hour = as_hour("2026-01-01")
    universe: Count = 100
    chunk_hours: Annotated[int, Field(ge=24)] = Field(744, description="Hours held in memory at once.")
    catch_up_hours: Count = Field(504, description="How far back missing hours are filled in without being asked.")
    simulated: SimulatedSettings = SimulatedSettings()
    archive: ArchiveSettings = ArchiveSettings()
    coingecko: CoinGeckoSettings = CoinGeckoSettings()
    checks: SnapshotChecks = SnapshotChecks()


class FeatureSettings(_Section):
    """features.yaml: lags and windows, all in hours of clock time."""

    lag_hours: tuple[Annotated[int, Field(ge=1, le=168)], ...] = (1, 6, 24)
    rolling_hours: tuple[Annotated[int, Field(ge=2, le=168)], ...] = (6, 24)
    min_window_share: Share = Field(0.5, description="Observed share of a window, below which it is null.")


class DatasetSettings(_Section):
    """datasets.yaml: the dataset of day D ends with D."""

    history_hours: Annotated[int, Field(ge=2)] = 168
    holdout_hours: Annotated[int, Field(ge=1)] = 24
    embargo_hours: Annotated[int, Field(ge=0)] = Field(
        0, description="Between training and holdout; the label horizon where labels are used."
    )
    min_snapshots_per_instrument: Count = 24
    min_training_hours: Count = Field(120, description="Hours of the training window that must have rows.")
    min_holdout_hours: Count = 20

    @property
    def training_hours(self) -> int:
        """Length of the training window."""
        return self.history_hours - self.holdout_hours - self.embargo_hours

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if self.training_hours < 1:
            raise ValueError("history_hours must be more than holdout_hours + embargo_hours")
        if self.min_training_hours > self.training_hours:
            raise ValueError(f"min_training_hours must be at most the training window ({self.training_hours} h)")
        if self.min_holdout_hours > self.holdout_hours:
            raise ValueError(f"min_holdout_hours must be at most holdout_hours ({self.holdout_hours} h)")
        return self


class ModelSettings(_Section):
    """model.yaml and its variants: which detector, trained how."""

    detector: Literal["isolation_forest", "local_outlier_factor", "robust_z_score"] = "isolation_forest"
    params: dict[str, float | int | str | bool] = Field(
        {"n_estimators": 200, "max_samples": 1.0}, description="Keyword arguments of the detector."
    )
    contamination: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.08, description="Share of the training rows above the threshold."
    )
    seed: Annotated[int, Field(ge=0)] = 42
    features: tuple[str, ...] | None = Field(None, description="null = every engineered feature.")
    max_training_rows: Count = Field(50_000, description="A larger training set is sampled to this, seeded.")


class InjectionSettings(_Section):
    """The anomalies planted into a copy of the holdout."""

    seed: Annotated[int, Field(ge=0)] = 20
    rounds: Annotated[int, Field(ge=1, le=100)] = Field(5, description="Times each kind of event is planted.")
    instrument_share: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.1, description="Share of the instruments that get an event in one round, at least one."
    )
    shock_pct: Annotated[float, Field(gt=0, le=90)] = 15.0
    volume_factor: Annotated[float, Field(gt=1)] = 10.0
    frozen_hours: Annotated[int, Field(ge=2, le=24)] = 6


class EvaluationSettings(_Section):
    """evaluation.yaml: thresholds of the gates on evaluated_model."""

    min_anomaly_rate: Share = 0.02
    max_anomaly_rate: Share = 0.20
    max_rate_shift: Share = Field(0.25, description="Holdout anomaly rate against the training rate.")
    min_silhouette: Annotated[float, Field(ge=-1, le=1)] = 0.0
    min_score_gap: Annotated[float, Field(ge=0)] = 0.05
    min_average_precision_margin: Annotated[float, Field(ge=-1, le=1)] = Field(
        0.0, description="Injection average precision minus that of the robust z-score baseline."
    )
    silhouette_rows: Annotated[int, Field(ge=10)] = 2000
    injection: InjectionSettings = InjectionSettings()

    @model_validator(mode="after")
    def _range_is_a_range(self) -> Self:
        if self.min_anomaly_rate > self.max_anomaly_rate:
            raise ValueError("min_anomaly_rate must not exceed max_anomaly_rate")
        return self


class PromotionSettings(_Section):
    """promotion.yaml: what the registry asks of whoever moves an alias."""

    min_reason_length: Count = 5
    automatic: Literal["never", "passed", "better"] = Field(
        "better", description="Which evaluated versions become champion without a person."
    )


class RetrainingSettings(_Section):
    """retraining.yaml: which models are trained again, and how often."""

    models: tuple[str, ...] = Field(("model",), description="Config files, without .yaml.")
    every_days: Count = 7
    champion_max_age_days: Count = Field(30, description="Days after which an unchanged champion counts as stale.")


class NotificationSettings(_Section):
    """notifications.yaml: who is told that a run failed."""

    webhook_url: Annotated[str, Field(pattern="^https?://")] | None = Field(
        None, description="Gets notices as JSON; null = the log."
    )


class OutcomeSettings(_Section):
    """outcomes.yaml: what became of a prediction."""

    horizon_hours: Count = 24
    crash_pct: Annotated[float, Field(ge=-100, lt=0)] = -15.0
    price_tolerance_hours: Annotated[int, Field(ge=0)] = Field(
        0, description="How much older than +horizon the price may be. Never younger: that would look ahead."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)] = 1000

    @model_validator(mode="after")
    def _tolerance_within_horizon(self) -> Self:
        if self.price_tolerance_hours >= self.horizon_hours:
            raise ValueError("price_tolerance_hours must be less than horizon_hours")
        return self


class Settings(_Section):
    """All files together.

    Attributes:
        models: File name without `.yaml` to its settings: `model`, `model_lof`, ….
    """

    ingest: IngestSettings = IngestSettings()
    features: FeatureSettings = FeatureSettings()
    datasets: DatasetSettings = DatasetSettings()
    models: dict[str, ModelSettings] = {"model": ModelSettings()}
    evaluation: EvaluationSettings = EvaluationSettings()
    promotion: PromotionSettings = PromotionSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    notifications: NotificationSettings = NotificationSettings()
    outcomes: OutcomeSettings = OutcomeSettings()

    @model_validator(mode="after")
    def _retrained_models_exist(self) -> Self:
        for name in self.retraining.models:
            self.model(name)
        return self

    def model(self, name: str) -> ModelSettings:
        """The settings of one model file.

        Raises:
            ConfigError: There is no such file.
        """
        if name not in self.models:
            known = ", ".join(f"{model}.yaml" for model in sorted(self.models))
            raise ConfigError(f"There is no {name}.yaml among the configs; models are: {known}.")
        return self.models[name]

    @cached_property
    def max_lookback_hours(self) -> int:
        """How far back the features of an hour read the snapshots."""
        return max((168, *self.features.lag_hours, *self.features.rolling_hours))


def load_settings(config_dir: Path | None = None) -> Settings:
    """Read the configuration.

    Args:
        config_dir: Its files replace those of the project's `configs/` one by one. None: MLREG_CONFIG_DIR, or
            the project's files alone.

    Raises:
        ConfigError: A folder or file that is not there or not known, or a value that is not allowed.
    """
    if config_dir is None and os.environ.get("MLREG_CONFIG_DIR"):
        config_dir = Path(os.environ["MLREG_CONFIG_DIR"]).expanduser()
    files = _yaml_files(PROJECT_DIR / "configs")
    if config_dir is not None:
        if not config_dir.is_dir():
            raise ConfigError(f"The config folder {config_dir} is not there. Mend MLREG_CONFIG_DIR or unset it.")
        files |= _yaml_files(config_dir)

    sections: dict[str, Any] = {}
    models = {"model": ModelSettings()}
    for path in files.values():
        section = _validated(_class_of(path), _read_yaml(path), str(path))
        if isinstance(section, IngestSettings):
            section = _with_absolute_archive(section, path)
        if isinstance(section, ModelSettings):
            models[path.stem] = section
        else:
            sections[path.stem] = section
    return Settings(models=models, **sections)


def home_dir() -> Path:
    """The data home: MLREG_HOME, by default `.mlreg` beside the project."""
    return Path(os.environ.get("MLREG_HOME") or PROJECT_DIR / ".mlreg").expanduser().absolute()


def _yaml_files(folder: Path) -> dict[str, Path]:
    """File name to path; `.yml` too, so that such a file is refused and not overlooked."""
    return {path.name: path for path in sorted(folder.glob("*.y*ml"))}


def _class_of(path: Path) -> type[_Section]:
    classes = {f"{name}.yaml": type(default) for name, default in Settings() if name != "models"}
    if path.match("model_*.yaml") or path.name == "model.yaml":
        return ModelSettings
    if path.name not in classes:
        known = ", ".join(["model.yaml", "model_<name>.yaml", *classes])
        raise ConfigError(f"{path} is not a config file of this project. Known are: {known}.")
    return classes[path.name]


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, OSError) as error:  # ValueError: 2026-02-30, or not UTF-8
        raise ConfigError(f"{path} can't be read as YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold keys and values, not a {type(values).__name__}.")
    return values


def _with_absolute_archive(ingest: IngestSettings, path: Path) -> IngestSettings:
    """Archive paths are relative to their config file, so that they don't depend on where a run starts."""
    archive = ingest.archive.path
    if archive is None:
        if ingest.source == "archive":
            raise ConfigError(f"{path}: source is archive, so archive.path must name a Parquet or CSV file.")
        return ingest
    absolute = path.parent.absolute() / Path(archive).expanduser()
    return ingest.override({"archive": {"path": str(absolute)}}, str(path))


def _merged(base: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        nested = isinstance(value, Mapping) and isinstance(base.get(key), dict) and key != "params"
        merged[key] = _merged(base[key], value) if nested else value
    return merged


def _validated(cls: type[_Validated], values: Mapping[str, Any], where: str) -> _Validated:
    """Strict, so that `universe: yes` is an error and not 1; through JSON, which knows times as text."""
    try:
        return cls.model_validate_json(to_json(values), strict=True)
    except ValidationError as error:
        problems = []
        for item in error.errors():
            key = ".".join(str(part) for part in item["loc"])
            if item["type"] == "extra_forbidden":
                known = _class_at(cls, item["loc"][:-1]).model_fields
                problems.append(f"{key}: unknown key; allowed are {', '.join(known)}")
            else:
                found = f" (found {item['input']!r})" if key else ""
                problems.append(f"{key or 'as a whole'}: {item['msg'].removeprefix('Value error, ')}{found}")
        raise ConfigError(f"{where}: {'; '.join(problems)}.") from error
    except ValueError as error:
        raise ConfigError(f"{where}: {error}.") from error


def _class_at(cls: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    for part in location:
        inner = cls.model_fields[str(part)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        cls = inner
    return cls
