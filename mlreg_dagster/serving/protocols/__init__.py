"""What goes over the wire: bytes to `Asked`, `Answer` to bytes. Pure functions; no sockets, models or files here."""
