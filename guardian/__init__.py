"""Business Guardian: catches theft, fraud and stock loss where event streams stop agreeing."""

__version__ = "0.1.0"
