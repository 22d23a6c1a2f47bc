"""Implementations of the ports, and nothing else."""
