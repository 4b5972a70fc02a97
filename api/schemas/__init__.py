"""Schemas: what the routes read and what they answer."""
