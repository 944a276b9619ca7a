"""From a verified bundle to a model that scores rows of numbers: no scikit-learn, no skops, no pandas.

Which model a name means is decided in `following`; what a request and an answer look like, in `protocols`.
"""
