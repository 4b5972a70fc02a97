"""Backends: what runs a model's towers, and on which device."""
