"""Frozen datasets: a week of features, split by time, hashed, never rewritten."""
