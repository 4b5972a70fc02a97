"""Models: the active one, the known ones, and a switch from one to another."""
