"""Tuning: searches the parameters of a detector on days and plantings that no gate uses.

Optuna is imported where a search runs, and nowhere else: what a study found is read from its record.
"""
