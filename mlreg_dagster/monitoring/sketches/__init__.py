"""Counts of values in fixed bins, by hour and feature: sums of them give any window without reading rows again."""
