"""Detectors, their training, and evaluation by gates.

Which version may be promoted is in `governance`; scoring hours of the market is in `outcomes`.
"""
