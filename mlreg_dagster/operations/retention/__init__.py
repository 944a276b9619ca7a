"""Deletes what retention.yaml does not keep: the tasks, and the job that runs them."""
