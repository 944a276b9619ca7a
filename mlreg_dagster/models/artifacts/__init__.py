"""A model as files: written, read again, checked before use."""
