"""Windows over event time: small pieces that live inside a detector's state.

Each takes events in any order of arrival within the allowed lateness, and is bounded.
"""
