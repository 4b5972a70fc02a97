"""Integration tests: real servers and processes, no fakes."""
