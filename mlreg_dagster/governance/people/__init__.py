"""People by ids: what a policy's entries mean with the directory, and who may change an entry of it.

The entries themselves are kept in `registry.mixins.people`; what a decision of a person needs stands in `decisions`.
"""
