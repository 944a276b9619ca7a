"""Whether data, predictions and their worth drift away from what a champion was trained on, and what follows from it.

How right each version was is measured in `outcomes`; who may become champion is decided in `governance`.
"""
