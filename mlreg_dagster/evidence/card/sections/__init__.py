"""The sections of a card, one module each. What they read is collected in `card.collect`; nothing is read here."""
