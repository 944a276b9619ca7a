"""A source that asks CoinGecko."""
