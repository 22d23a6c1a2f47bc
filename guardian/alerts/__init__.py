"""Alerts: what a detector concludes, and how it is told to people."""
