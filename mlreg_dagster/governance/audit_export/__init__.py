"""Proof of the audit log outside of the home: exports, published heads, and their verification without a registry.

The log itself belongs to `registry.audit`; what Dagster remembers of it, to `orchestration.instance.audit_anchors`.
"""
