"""Health: readiness and metrics."""
