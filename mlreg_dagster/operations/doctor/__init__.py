"""Read-only checks of a home."""
