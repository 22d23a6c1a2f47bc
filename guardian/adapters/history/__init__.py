"""History as tables, whoever keeps it: their fields, the rows they are made of, and the reports on them."""
