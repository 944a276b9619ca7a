"""The pages of hours of the market: all by day, one, and what rests on it."""
