"""Fuzzing of the parsers of untrusted input: uploads, filters and archives."""
