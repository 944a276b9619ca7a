"""The weekly report: one page on what happened in a week, from what is stored.

Cards of versions are in `evidence.card`.
"""
