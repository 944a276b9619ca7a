-- Dagster's tables have a database of their own: it and the registry both count their migrations.
CREATE DATABASE dagster;
