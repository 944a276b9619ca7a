"""What a model said, and what became of it: predictions, their outcomes, and how often a model was right."""
