"""A source that reads hourly bars from Parquet or CSV files."""
