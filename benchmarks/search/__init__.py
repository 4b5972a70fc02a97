"""How long a search takes from end to end, beside the same work done by a direct call.

python -m benchmarks.search --photos DIR --json out.json
"""
