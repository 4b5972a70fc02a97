"""Shared support of the web page's tests."""
