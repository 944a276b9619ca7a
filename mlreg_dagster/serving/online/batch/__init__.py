"""Scoring of files, piece by piece, by the code that answers requests; no server needs to run.

Hours of the graph are scored in `outcomes.predicting`; nothing that is scored here is a prediction on record.
"""
