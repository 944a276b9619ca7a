"""Evaluation of a frozen model: planted anomalies, scores, comparison with the champion, stability of refits.

What the gates ask is in `models/gates`.
"""
