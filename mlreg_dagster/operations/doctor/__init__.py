"""Checks of a home, which change nothing."""
