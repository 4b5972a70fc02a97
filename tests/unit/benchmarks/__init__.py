"""Unit tests of what the benchmarks write and render."""
