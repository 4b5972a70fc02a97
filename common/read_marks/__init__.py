"""Read marks: how recent a read must be to see every write that was reported."""
