"""The inferer ``threshold``: how types are proposed, proved, chosen and explained."""
