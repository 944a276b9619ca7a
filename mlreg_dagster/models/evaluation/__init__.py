"""Measuring a frozen model: gates, planted anomalies, comparison with the champion. Nothing is fitted here."""
