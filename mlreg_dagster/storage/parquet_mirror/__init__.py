"""The Parquet mirror of all tables, for readers outside of the graph: they wait for no lock and keep no writer out.

The mirror of the newest hour alone, for servers, is `storage.mirror`.
"""
