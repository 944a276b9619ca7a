"""Where things are kept: tables (DuckDB), frozen files (fsspec), the registry (SQLAlchemy)."""
