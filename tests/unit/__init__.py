"""Tests of Glimpse."""
