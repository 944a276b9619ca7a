"""The prediction log: what the server answered, from the line on disk to the table; not its logs for operators.

`writer` is the server's part. `compaction` and what it uses run in the graph: `serving.assets`.
"""
