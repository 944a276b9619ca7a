"""The page of all versions: status, badges, gates, worth, and a metric over versions."""
