"""What every source of files shares."""
