"""Signed product codes: what a label says, who signed it, and whether to believe it."""
