"""All that a plugin author reads: hooks, values, errors, the base of plugins and of types."""
