"""Everything in one process on one machine: SQLite, files, sockets.

Not a mock: a shop can run on it for years.
"""
