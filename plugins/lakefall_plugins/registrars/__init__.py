"""Catalogs that tables are registered in after a load."""
