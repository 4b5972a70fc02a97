"""Kubernetes's service links: variables that it injects for each Service of a namespace.

A Service named ``glimpse-api`` gives every container ``GLIMPSE_API_SERVICE_HOST``,
``GLIMPSE_API_PORT=tcp://10.0.0.7:8000`` and more. They are not settings, and nobody typed them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Variables of one Service: its host and port, the ports by name, and Docker's older form, which
# repeats the first port as a URL. In each form the first group is the Service's name.
_FORMS = (
    re.compile(r"(\w+)_SERVICE_HOST"),
    re.compile(r"(\w+)_SERVICE_PORT(?:_\w+)?"),
    re.compile(r"(\w+)_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?"),
    re.compile(r"(\w+)_PORT"),
)
_PORT_URL = re.compile(r"(?:tcp|udp|sctp)://\S+:\d+")


def is_service_link(name: str, environ: Mapping[str, str]) -> bool:
    """Return whether Kubernetes injected a variable.

    Kubernetes injects all variables of a Service or none, and its port as a URL. A variable that
    only resembles one of them is a mistake of whoever set it.

    Args:
        name: The variable.
        environ: All variables.
    """
    services = [found[1] for form in _FORMS if (found := form.fullmatch(name))]
    return any(_is_injected(service, environ) for service in services)


def _is_injected(service: str, environ: Mapping[str, str]) -> bool:
    has_host = bool(environ.get(f"{service}_SERVICE_HOST"))
    is_port = environ.get(f"{service}_SERVICE_PORT", "").isdecimal()
    return has_host and is_port and bool(_PORT_URL.fullmatch(environ.get(f"{service}_PORT", "")))
