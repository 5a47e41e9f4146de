"""Finding plugins, and calling those of one pipeline."""
