"""Follows the registry: which model each name means now, and what is known of the registry itself.

How a bundle is loaded is in `scoring`; what is believed of a registry is decided here and in `registry.trust`.
"""
