"""How the inferer ``threshold`` counts, chooses and explains."""
