"""Blobs: uploaded bytes, stored under their SHA-256."""
