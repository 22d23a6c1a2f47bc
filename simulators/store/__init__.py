"""A day in a store: checkouts, their devices, honest people and thieves, and what a correct system finds."""

from simulators.store.config import StoreConfig
from simulators.store.day import StoreDay
from simulators.store.simulation import simulate_store

__all__ = ["StoreConfig", "StoreDay", "simulate_store"]
