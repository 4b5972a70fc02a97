"""Options of httpx's calls and clients for services on loopback, which have no TLS.

By default, each call and each client loads the trusted certificates, 30 ms of CPU time.
"""

from __future__ import annotations

from typing import Any

PLAIN: dict[str, Any] = {"verify": False, "trust_env": False}
