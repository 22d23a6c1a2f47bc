"""Every event and alert of the embedded product, kept by date in Parquet files (docs/reports.md).

log.py       the engine's process appends what it is about to decide on
follow.py    what it has decided, read from its store
keeper.py    a process of its own turns both into Parquet files, joins them by day, drops what is too old
reader.py    all of it as tables
"""
