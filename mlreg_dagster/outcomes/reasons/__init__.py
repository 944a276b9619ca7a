"""Why a row was flagged: which families of features raised its score, and by how much.

Importance of families over a whole holdout is in `models/importance`.
"""
