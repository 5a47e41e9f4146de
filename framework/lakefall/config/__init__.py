"""The pipeline file: reading it, checking it, explaining it."""
