"""Seeded scenarios with ground truth, and what is needed to use them: a feed server and a score table."""
