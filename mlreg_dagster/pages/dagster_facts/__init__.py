"""What Dagster remembers of assets: asked of a running web server or read from its SQLite files; never written."""
