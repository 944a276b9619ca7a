"""The tables of market, predictions and outcomes, in one DuckDB file."""
