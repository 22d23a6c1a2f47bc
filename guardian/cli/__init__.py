"""The `guardian` command."""
