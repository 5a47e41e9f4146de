"""Trino: its client, the sink that speaks SQL only, and the registrar that proves a table."""
