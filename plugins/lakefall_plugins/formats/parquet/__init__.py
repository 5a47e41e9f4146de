"""Parquet files: ``sniffer`` and ``reader`` are the plugins, ``values`` has the rules of types."""
