"""Delivery: how tasks reach a worker, stay its own, and are settled."""
