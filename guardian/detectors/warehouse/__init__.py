"""Findings of the warehouse: codes, stock, shipments and the people who handle them."""
