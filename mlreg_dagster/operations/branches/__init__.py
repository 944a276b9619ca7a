"""Branches of a home."""
