"""Checks the own rankings of outcomes.yaml when the code location loads; scoring them is in `rankings`."""

from mlreg_dagster.config import ConfigError, Settings
from mlreg_dagster.market.features.features import features_table


def require_known_columns(settings: Settings) -> None:
    """Refuse own rankings by a column that market_features does not have.

    Raises:
        ConfigError: There is one.
    """
    columns = {name: spec for name, spec in features_table(settings.features).columns.items() if spec.dtype is float}
    for name, own in settings.outcomes.rankings.own.items():
        if own.column not in columns:
            raise ConfigError(
                f"outcomes.yaml: rankings.own.{name}.column: market_features has no number {own.column}; allowed are "
                f"{', '.join(columns)}."
            )
