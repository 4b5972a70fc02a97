"""`glimpse doctor`: checks every part of a running service."""
