"""Who judges typed rows."""
