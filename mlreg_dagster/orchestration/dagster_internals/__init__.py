"""Everything that depends on private parts of Dagster's API; nothing outside of this folder imports `dagster._…`.

`version_guard` says for which versions of Dagster that was tried, and what happens with others.
"""
