"""Latency and recall of the vector store.

    python -m benchmarks.store --server milvus --json out.json

Each measurement is a module: ``search`` against brute force, ``pages`` of images, ``recall``
against exact search, and ``consistency`` levels, which only a server has.
"""
