"""What a model card must hold beyond the record of decisions: purpose, data, performance by segment, changes, software.

A module for each: its values, and the facts that show them. Requirements on them are in `required`.
"""
