"""Scores each hour: by the versions as of it, and by the simple rankings beside them."""
