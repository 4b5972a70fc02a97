"""Job records: what was accepted, and what became of each image of it."""
