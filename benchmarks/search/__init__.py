"""End-to-end latency of a search, compared with the same work done by a direct call.

python -m benchmarks.search --photos DIR --json out.json
"""
