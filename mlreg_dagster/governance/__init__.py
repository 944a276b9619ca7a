"""Decides who holds an alias: policy, decisions of people, promotion and rollback, with their assets, checks and jobs.

Reports on what was decided belong to `evidence`; the records that it decides on belong to `registry`.
"""
