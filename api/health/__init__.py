"""Health: whether the service works, and how hard."""
