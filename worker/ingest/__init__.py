"""Ingest: turns uploaded bytes into rows that a search finds."""
