"""What the metrics of the API and of the workers share."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, disable_created_metrics

# Upper bounds of the buckets of durations, in seconds: from a batch of a small model on a GPU to
# the longest wait of a request.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def new_registry() -> CollectorRegistry:
    """Return an empty registry: each app and each worker has its own, never the global one."""
    # Without them, as many series again say when counting began.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return CollectorRegistry()
