"""What a request's route is called in metrics and traces."""

from __future__ import annotations

from flask import Request

# The name of paths without a route.
_NO_ROUTE = "none"


def route_of(request: Request) -> str:
    """Return the template of a request's route, such as ``/v1/jobs/<record_id:job_id>``.

    So the number of names is bounded.
    """
    return request.url_rule.rule if request.url_rule else _NO_ROUTE
