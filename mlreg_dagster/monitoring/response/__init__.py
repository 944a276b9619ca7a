"""From the facts of a day to a state, an action and its reasons: what is done about drift.

How drift is measured belongs to `drift`; the trainings that follow are started by `automation`.
"""
