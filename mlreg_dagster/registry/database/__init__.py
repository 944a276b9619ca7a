"""The database under the registry: connection, tables, columns, statements."""
