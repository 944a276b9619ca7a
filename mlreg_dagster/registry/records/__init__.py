"""Immutable records, as the registry keeps them; what may be recorded is decided elsewhere."""
