"""Compares the speed of the working tree with that of a commit: ``make bench-guard BASE=commit``.

The measuring code is the working tree's. What it measures are services and processes of either
tree, which take turns.
"""
