"""Unit tests: one process, with the shipped fakes instead of servers."""
