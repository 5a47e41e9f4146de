"""Records to typed Parquet, and what did not parse to rejects."""
