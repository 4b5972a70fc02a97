"""Connections to Redis: where it is, what it must be like, its scripts and its clock."""
