"""What a model sees of an instrument at one hour: the features, their arithmetic, their provenance."""
