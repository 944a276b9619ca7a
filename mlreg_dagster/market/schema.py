"""The table of snapshots. The table of features follows from its settings and is in `features`."""

from mlreg_dagster.storage.warehouse.column_checks import FINITE_CHANGE, FINITE_NOT_NEGATIVE, FINITE_POSITIVE, NOT_EMPTY
from mlreg_dagster.storage.warehouse.tables import UTC, Table, column

CHANGES = {"change_1h_pct": 1, "change_24h_pct": 24, "change_7d_pct": 168}
"""Column of a price change to the hours it looks back."""

MARKET_SNAPSHOT = Table(
    name="market_snapshot",
    description="One instrument as the market showed it for one hour.",
    key=("hour", "instrument_id"),
    columns={
        "hour": column(UTC, "The hour that the row is for, UTC; never the clock of the run."),
        "instrument_id": column(str, "Stable key of the instrument (CoinGecko's id, an archive's ticker).", NOT_EMPTY),
        "symbol": column(str, "Ticker; not unique.", NOT_EMPTY),
        "price": column(float, "Last price of the hour, quote currency.", FINITE_POSITIVE),
        "market_cap": column(float, "Quote currency; null when unknown.", FINITE_NOT_NEGATIVE, nullable=True),
        "volume_24h": column(
            float,
            "Traded in the 24 h up to the end of the hour, quote currency.",
            FINITE_NOT_NEGATIVE,
            nullable=True,
        ),
        "change_1h_pct": column(float, "Price against the one 1 h before, %.", FINITE_CHANGE, nullable=True),
        "change_24h_pct": column(float, "Price against the one 24 h before, %.", FINITE_CHANGE, nullable=True),
        "change_7d_pct": column(float, "Price against the one 168 h before, %.", FINITE_CHANGE, nullable=True),
        "all_time_high": column(
            float,
            "Highest price known up to the hour (an archive: since its first bar).",
            FINITE_POSITIVE,
            nullable=True,
        ),
        "volatility_7d_pct": column(
            float,
            "Standard deviation of the log returns between observations of the last 168 h, scaled to an hour, %.",
            FINITE_NOT_NEGATIVE,
            nullable=True,
        ),
        "observed_at": column(UTC, "When the source saw it: the clock of a live fetch, the end of a recorded hour."),
        "source": column(str, "Which source the row is from.", NOT_EMPTY),
    },
)
