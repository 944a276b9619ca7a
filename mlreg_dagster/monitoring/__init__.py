"""What has to be done next, and who is told when something fails."""
