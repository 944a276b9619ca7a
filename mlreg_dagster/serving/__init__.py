"""Serves what the registry names: an HTTP server that follows it, its log of answers, and the asset made of that log.

The server's process knows no Dagster, pandas, scikit-learn or skops; only `assets.py` and `checks.py` do.
"""
