"""Ingest: from the bytes of an upload to rows that a search finds."""
