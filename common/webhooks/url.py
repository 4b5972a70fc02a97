"""URLs of receivers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urljoin, urlsplit

from pydantic import AfterValidator, Field, StringConstraints

URL_CHARACTERS_MAX = 2000
# Visible ASCII. What is more than that is percent-encoded, or as a host in Punycode.
_PATTERN = r"^https?://[!-~]+$"
# A name, an IPv4 address in any spelling, or an IPv6 address without a zone.
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes.

    Attributes:
        scheme: "http" or "https".
        host: A name, or an address without brackets.
        port: The port.
        target: Path and query.
    """

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def of(cls, url: str) -> Endpoint:
        """Parse a URL.

        Raises:
            ValueError: It is not a URL that a webhook can be sent to.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("give a valid URL") from None
        if not re.match(_PATTERN, url) or "\\" in url or len(url) > URL_CHARACTERS_MAX:
            raise ValueError("give a URL of ASCII characters that begins with http:// or https://")
        if "@" in parts.netloc or "#" in url:
            raise ValueError("leave out user, password and fragment")
        if not _HOST.fullmatch(parts.hostname or "") or port == 0:
            raise ValueError("give a URL with a valid host and port")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, parts.hostname or "", port or _PORTS[parts.scheme], target)


def _check(url: str) -> str:
    Endpoint.of(url)
    return url


# The URL that is called when a job ends.
CallbackUrl = Annotated[
    str,
    StringConstraints(max_length=URL_CHARACTERS_MAX),
    AfterValidator(_check),
    Field(json_schema_extra={"pattern": _PATTERN}),
]


def redirected(url: str, location: str) -> str:
    """Return the URL that a redirect leads to.

    Raises:
        ValueError: It is not a URL that a webhook can be sent to, or not encrypted although the
            first one is.
    """
    target = urljoin(url, location)
    if Endpoint.of(url).scheme == "https" and Endpoint.of(target).scheme != "https":
        raise ValueError("it leads from https to http")
    return target
