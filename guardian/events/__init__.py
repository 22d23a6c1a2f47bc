"""Typed contracts of every input stream, and the way from bytes to events. Pure: no I/O, no clock."""
