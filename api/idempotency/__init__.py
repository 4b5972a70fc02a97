"""Idempotency keys: what makes a job is done once, however often it is asked for."""
