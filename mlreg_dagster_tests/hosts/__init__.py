"""Several hosts on one machine: namespaces of their own, a network between them, and nothing else shared."""
