"""The pages of the data: assets and their freshness, frozen datasets, the dictionary and the audit."""
