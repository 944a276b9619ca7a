"""Who let a version into production, by which policy, and on what evidence."""
