"""Benchmarks. Each prints its figures next to their bounds, if they have any."""
