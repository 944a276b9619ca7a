"""What a version costs, and what smaller variants of it would cost and lose."""
