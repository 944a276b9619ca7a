"""The four families of drift, each by itself: rows of its table from what is stored."""
