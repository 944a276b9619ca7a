"""Brings a candidate into serving step by step, and back: states, assignment of traffic, statistics, decision table.

Who may promote is decided in `policy`; how traffic reaches a version, in `serving`.
"""
