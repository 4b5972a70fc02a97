"""Webhooks: calls to tell a receiver that a job has ended, and what is kept of them."""
