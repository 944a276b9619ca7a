"""The answers of CoinGecko, as types."""

from datetime import datetime
from typing import Annotated, Any

import pandas as pd
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _can_be_kept(time: datetime) -> datetime:
    if not pd.Timestamp.min.year < time.year < pd.Timestamp.max.year:
        raise ValueError("lies outside of the years that can be kept")
    return time


Text = Annotated[str, Field(min_length=1, max_length=200)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Change = Annotated[float, Field(ge=-100, allow_inf_nan=False)]
Time = Annotated[AwareDatetime, AfterValidator(_can_be_kept)]
Milliseconds = Annotated[float, Field(ge=0, le=pd.Timestamp.max.timestamp() * 1000)]


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Sparkline(_Payload):
    """Hourly prices of the last 7 days, oldest first."""

    price: list[Positive | None]


class Coin(_Payload):
    """One coin of `/coins/markets`; a null is "not known"."""

    id: Text
    symbol: Text
    current_price: Positive | None
    market_cap: NotNegative | None
    total_volume: NotNegative | None
    change_1h_pct: Change | None = Field(alias="price_change_percentage_1h_in_currency")
    change_24h_pct: Change | None = Field(alias="price_change_percentage_24h_in_currency")
    change_7d_pct: Change | None = Field(alias="price_change_percentage_7d_in_currency")
    ath: Positive | None
    ath_date: Time | None
    sparkline_in_7d: Sparkline | None
    last_updated: Time | None = None

    @classmethod
    def unknown(cls, name: str = "") -> "Coin":
        """A coin of which at most the id is known."""
        nothing: dict[str, Any] = dict.fromkeys(cls.model_fields)
        return cls.model_construct(**{**nothing, "id": name, "symbol": ""})

    @property
    def has_a_name(self) -> bool:
        """Whether its rows could be told from those of others."""
        return bool(self.id and self.symbol)


class MarketChart(_Payload):
    """`/coins/{id}/market_chart/range`: [milliseconds since 1970, value] pairs."""

    prices: list[tuple[Milliseconds, Positive | None]]
    market_caps: list[tuple[Milliseconds, NotNegative | None]]
    total_volumes: list[tuple[Milliseconds, NotNegative | None]]
