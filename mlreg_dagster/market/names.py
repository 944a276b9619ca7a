"""Names of what a market does, for those that read tables without their schemas."""

CRASH, NO_CRASH, UNRESOLVED = "crash", "no_crash", "unresolved"
"""Within the horizon after an hour: the price fell, it did not, or no price was there to tell."""

EPISODE_GAP_HOURS = 24
"""Crashes of one instrument with less than this between them are one episode."""
