"""Loading into Apache Iceberg tables through a catalog: one commit per table and batch."""
