"""The documents of the delivery workflow for one version: each from facts of its card and from texts that people wrote.

Nothing is computed here: facts are those of card.json. What a card holds belongs to `card`.
"""
