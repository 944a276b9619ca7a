"""When versions are trained: on schedule, and for a cause."""
