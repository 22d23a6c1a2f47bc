"""Channels that tell people about alerts, and what decides over them."""
