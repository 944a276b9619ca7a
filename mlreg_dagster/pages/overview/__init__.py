"""The first page: whether a home is healthy, who is champion, what is new, and what waits for people."""
