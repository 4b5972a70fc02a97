"""Shared test support: real services, fakes, and data built in code."""
