"""A source that simulates a market whose planted events are known."""
