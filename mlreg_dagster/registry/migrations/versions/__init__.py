"""Alembic scripts, one a schema.

Each spells out what it creates, so that it stays as it is when the code moves on.
"""
