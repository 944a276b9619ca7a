"""Detectors, their training, evaluation by gates, and promotion."""
