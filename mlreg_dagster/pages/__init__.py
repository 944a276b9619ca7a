"""Registry pages: what the registry, the tables and Dagster know, for people with a browser and programs; read only.

What pages say is computed in the rooms below, by the functions that commands and cards use, too; here it is arranged
and rendered. Nothing here writes to a home.
"""
