"""Sweeps: a file of configurations becomes one candidate each, which are held against the base on the same rows."""
