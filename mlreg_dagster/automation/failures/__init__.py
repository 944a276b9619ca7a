"""Sensors that give notice of failures; how a notice is worded and delivered is in `notification`."""
