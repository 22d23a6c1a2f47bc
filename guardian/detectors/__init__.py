"""Detections: one file each, saying everything about it. `registry.py` lists them."""
