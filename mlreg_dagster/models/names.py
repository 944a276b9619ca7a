"""Names of aliases that the graph and the logic share. Importing them takes nothing else; gates are in `gates`."""

CHAMPION = "champion"
CHALLENGER = "challenger"
NOBODY = "nobody"
"""What `expected` says of an alias that has no holder."""
