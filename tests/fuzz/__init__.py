"""Fuzzing of what reads the bytes of strangers: uploads, filters and archives."""
