"""The policy in force and its decision table: whether a version may hold an alias."""
