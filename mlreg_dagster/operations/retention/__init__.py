"""What may be deleted from a home, and the job that deletes it."""
