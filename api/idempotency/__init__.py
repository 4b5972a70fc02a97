"""Idempotency keys: repeated requests with the same key create only one job."""
