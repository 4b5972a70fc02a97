"""How quickly the vector store answers, and whether it finds what it should.

    python -m benchmarks.store --server milvus --json out.json

Each measure is a module: ``search`` beside brute force, ``pages`` of images, ``recall`` against
exact search, and ``consistency``, which only a server offers in levels.
"""
