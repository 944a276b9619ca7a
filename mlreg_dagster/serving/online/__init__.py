"""Scoring by instrument, from the mirror of the newest hour, and scoring of files.

The mirror is written where its rows are: `market.features.newest`, `outcomes.predicting.newest`. Requests over HTTP are
in `serving.app`.
"""
