"""How right versions were, by their matured outcomes: rates, intervals, the flagged share."""
