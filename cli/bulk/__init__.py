"""Bulk upload: files found, hashed, sent in requests, and followed until they are indexed."""
