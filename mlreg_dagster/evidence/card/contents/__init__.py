"""What a card says beyond the registry's own records: one module for each content."""
