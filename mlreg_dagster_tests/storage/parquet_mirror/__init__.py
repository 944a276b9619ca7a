"""The Parquet mirror of the tables."""
