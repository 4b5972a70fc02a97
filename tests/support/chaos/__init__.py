"""Shared support of the chaos tests."""
