"""The same work on other queues: ``make bench-queues``.

A picture's bytes are in a folder. A task reads, decodes and preprocesses it, gets a vector that
costs nothing, writes it to Milvus Lite, and leaves a result in Redis. Each tool runs in an
environment of its own, with pinned packages; Glimpse does the work from the upload on.
"""
