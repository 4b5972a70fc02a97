"""Edits: changes of indexed images, in jobs or one at a time."""
