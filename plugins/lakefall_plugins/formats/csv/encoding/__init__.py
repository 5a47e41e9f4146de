"""Bytes to text: which encoding a file has, and how it is decoded without loss."""
