"""Tests of the whole system over HTTP."""
