"""Who tells a watcher that files arrived."""
