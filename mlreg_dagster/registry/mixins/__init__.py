"""The methods of the registry, by subject. `registry.registry.Registry` consists of them."""
