"""The lifecycle over a historical period, through the same jobs and policy, and a report on it."""
