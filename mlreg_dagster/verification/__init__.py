"""A look at a running deployment from outside, as a person would take it in the UI. Knows nothing of Dagster's code."""
