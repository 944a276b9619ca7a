"""Whether the data, the features, the predictions and the worth of a champion drift: four families, never mixed.

What follows from it is decided in `response`.
"""
