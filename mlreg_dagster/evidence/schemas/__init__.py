"""The documents that programs read, as classes: what is written and its JSON Schema are both made of them."""
