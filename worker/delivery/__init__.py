"""Delivery: how a worker receives, leases and settles messages."""
