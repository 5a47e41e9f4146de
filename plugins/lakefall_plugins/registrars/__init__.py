"""Who is told of tables."""
