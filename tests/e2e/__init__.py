"""Tests of the whole, over HTTP."""
