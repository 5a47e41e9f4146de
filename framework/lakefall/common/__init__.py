"""Mechanisms without a subject of their own: SQL, names, waiting."""
