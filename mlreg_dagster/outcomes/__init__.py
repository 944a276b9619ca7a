"""Predictions, their outcomes, and the performance of models by them.

Training and gates are in `models`; which version predicts is decided in `governance`.
"""
