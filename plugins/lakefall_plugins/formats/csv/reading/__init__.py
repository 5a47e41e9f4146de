"""Records out of a file whose dialect is known: counted, and bad ones set aside."""
