"""One version: everything on record of it, as its card has it."""
