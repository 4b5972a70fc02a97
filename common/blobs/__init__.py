"""Blobs: the uploaded bytes, kept under the SHA-256 of what they are."""
