"""Thumbnails: made while an image is ingested, or on demand if they are missing."""
