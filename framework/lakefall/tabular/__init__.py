"""Records of any format to typed Parquet."""
