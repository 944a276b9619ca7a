"""Branches of a home: dated snapshots of production that keep their own writes, and versions that move between them."""
