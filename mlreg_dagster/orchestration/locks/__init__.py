"""Locks on a home that a process holds until it ends. The lock on the tables is in `storage`."""
