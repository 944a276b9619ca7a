"""What the stored data are, and whether they are as they should be: the catalogue, the dictionary and the audit.

Whether the files, the event log and the registry agree is asked by `operations.doctor`.
"""
