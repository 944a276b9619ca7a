"""Is a version worth having: its matured outcomes against those of simple rankings, on the same rows.

Pure functions on rows of PREDICTION_OUTCOMES. What a policy makes of a verdict is decided in `governance`.
"""
