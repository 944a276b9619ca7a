"""The methods of the registry, by subject. `registry.registry.Registry` is made of them."""
