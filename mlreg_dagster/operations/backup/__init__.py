"""Backups of a home: made while it is at work, verified, listed, and put in place on another path.

What a home does after an older registry was put back is recorded by `recovery`.
"""
