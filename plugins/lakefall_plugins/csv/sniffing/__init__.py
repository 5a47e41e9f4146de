"""How a CSV file is written: every plausible way of reading its beginning, weighed."""
