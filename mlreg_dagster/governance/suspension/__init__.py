"""Stops the holder of an alias from scoring, and lets it go on: who may, and what it needs.

It knows no Dagster, and imports neither pandas nor the graph: a stop takes effect within seconds. What a suspension
does to hours, promotions, rollouts and answers stands with those.
"""
