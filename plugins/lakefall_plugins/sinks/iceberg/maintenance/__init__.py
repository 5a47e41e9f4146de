"""Maintenance of Iceberg tables: data files merged, snapshots expired, files deleted."""
