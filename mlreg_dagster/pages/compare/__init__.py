"""Two versions, held against each other."""
