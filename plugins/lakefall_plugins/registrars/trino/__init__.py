"""The registrar that counts in Trino the rows that were loaded."""
