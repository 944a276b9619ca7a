"""The HTTP server: routes, limits, keys, time-outs, the admin port, shutdown.

What goes over the wire is in `protocols`.
"""
