"""Purged folds: hours that are judged by what was known before them, for whatever is chosen before a gate sees it."""
