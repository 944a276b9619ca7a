"""Snapshots of the market, hour by hour, their sources, their quality, and the features derived from them.

Which hours make a dataset is in `datasets`; what a model predicts for an hour is in `outcomes`.
"""
