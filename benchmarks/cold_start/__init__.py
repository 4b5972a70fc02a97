"""How long a stack and a worker take to start, and what they do meanwhile."""
