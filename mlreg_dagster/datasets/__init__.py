"""Frozen datasets: eight days of features, split by time, hashed, never rewritten."""
