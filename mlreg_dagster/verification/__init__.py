"""Checks a running deployment from outside, through the web server's GraphQL API. Imports nothing of Dagster.

Stored data is checked in `operations.doctor`.
"""
