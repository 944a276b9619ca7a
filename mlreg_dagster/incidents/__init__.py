"""Incidents: what people write down about one, what it touches, what another version would have done, and the report.

Only `recording` writes, and only the record. What is done about an incident stands in `governance` (suspensions,
rollbacks, decisions) and `operations` (repairs).
"""
