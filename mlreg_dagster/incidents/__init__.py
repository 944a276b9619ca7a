"""Questions that an incident asks of the tables, the frozen datasets and the registry; nothing is written here.

What is done about the answers stands in `governance` (rollbacks, decisions) and `operations` (repairs).
"""
