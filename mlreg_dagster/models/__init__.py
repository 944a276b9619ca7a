"""Detectors, their training, and evaluation by gates."""
