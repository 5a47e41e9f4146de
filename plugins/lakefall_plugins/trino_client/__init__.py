"""Trino: statements to a server, what goes wrong with them, and how names and values are quoted."""
