"""Days in a warehouse: goods, people and devices, honest work and theft, and what a correct system finds."""

from simulators.warehouse.config import WarehouseConfig
from simulators.warehouse.day import WarehouseDay
from simulators.warehouse.simulation import simulate_warehouse

__all__ = ["WarehouseConfig", "WarehouseDay", "simulate_warehouse"]
