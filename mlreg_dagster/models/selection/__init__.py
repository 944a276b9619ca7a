"""Which features a model file could do with."""
