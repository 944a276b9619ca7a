"""Registry web pages, read only: what they show is computed in the rooms below, and rendered here."""
