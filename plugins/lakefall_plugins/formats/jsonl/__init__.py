"""JSON lines, and JSON files that hold one array of objects."""
