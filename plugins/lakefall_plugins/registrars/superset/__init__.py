"""Superset: datasets for the tables, so that people find them."""
