"""Reindex and switch: another model's collection beside the active one, and the change to it."""
