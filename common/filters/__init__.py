"""Filters: which images a search may find."""
