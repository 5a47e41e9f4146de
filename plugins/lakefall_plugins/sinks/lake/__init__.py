"""What sinks that keep Iceberg tables share: the registry's law and the plan of a load."""
