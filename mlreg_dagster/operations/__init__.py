"""Checks of a home (`doctor`), deletion of what is old (`retention`), and recovery of a registry.

What a running deployment shows is checked in `verification`, from outside.
"""
