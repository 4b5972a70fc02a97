"""Unit tests of what the sides share."""
