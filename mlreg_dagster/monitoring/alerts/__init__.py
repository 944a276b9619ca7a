"""Alerts: which are true now, how each stands, and how people are told: once at the beginning and once at the end.

What is measured belongs to the rooms below and beside; the sensor that looks and delivers stands in `automation`.
"""
