"""Filters: conditions on the images that a search may find."""
