"""The address of Redis: a server, or the sentinels that name its primary."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

# Ports that a URL may leave out.
_REDIS_PORT, _SENTINEL_PORT = 6379, 26379
_SERVER = "redis://USER:PASSWORD@HOST:6379/0"
_SENTINELS = "sentinel://USER:PASSWORD@HOST,HOST,HOST/NAME"
# Whether each scheme names sentinels, and whether it encrypts.
_SCHEMES = {
    "redis": (False, False),
    "rediss": (False, True),
    "sentinel": (True, False),
    "sentinels": (True, True),
}


@dataclass(frozen=True, slots=True)
class Tls:
    """Encryption of connections; certificates are always verified.

    Attributes:
        ca: File of the trusted CA certificates; None trusts those of the system.
        cert: File of the client's certificate; None sends none.
        key: File of its key; None if ``cert`` contains it.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and password of Redis or of the sentinels; None leaves one out."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """How to reach Redis and to log in.

    Attributes:
        hosts: Names and ports: one server, or the sentinels.
        primary: The name that the sentinels know the primary by; None connects to the server.
        db: The number of the database.
        login: The user of Redis.
        sentinel_login: The user of the sentinels.
        tls: Encryption of all connections; None sends plain text.
    """

    hosts: tuple[tuple[str, int], ...]
    primary: str | None = None
    db: int = 0
    login: Login = Login()
    sentinel_login: Login = Login()
    tls: Tls | None = None

    @classmethod
    def parse(
        cls, url: str, tls: Tls | None = None, sentinel_login: Login = Login()
    ) -> RedisAddress:
        """Parse a URL, such as ``rediss://HOST`` or ``sentinel://HOST,HOST/NAME``.

        Args:
            url: The URL.
            tls: The certificates, if the URL asks for encryption.
            sentinel_login: The user of the sentinels.

        Raises:
            ValueError: The URL is invalid. The message does not contain its password.
        """
        scheme = url.partition("://")[0]
        if scheme not in _SCHEMES:
            raise ValueError(f"give a URL such as {_SERVER} or {_SENTINELS}")
        has_sentinels, encrypts = _SCHEMES[scheme]
        example = _SENTINELS if has_sentinels else _SERVER
        try:
            authority, path, options = _split(url)
            login, _, hosts = authority.rpartition("@")
            port = _SENTINEL_PORT if has_sentinels else _REDIS_PORT
            found = tuple(_host(host, port) for host in hosts.split(","))
            name, _, db = path.partition("/") if has_sentinels else ("", "", path)
            number = int(db or 0)
        except ValueError:
            raise ValueError(
                f"give a URL with valid hosts and numbers, such as {example}"
            ) from None
        if has_sentinels != bool(name) or (len(found) > 1 and not has_sentinels) or number < 0:
            raise ValueError(f"give a URL such as {example}")
        if options:
            raise ValueError(
                f"give a URL without ? and #, such as {example}. In a password, write %3F and %23;"
                " certificates have their own settings"
            )
        return cls(
            hosts=found,
            primary=unquote(name) or None,
            db=number,
            login=_login(login),
            sentinel_login=sentinel_login,
            tls=(tls or Tls()) if encrypts else None,
        )

    def __str__(self) -> str:
        """Return the address without credentials, for messages."""
        scheme = "redis" if self.primary is None else "sentinel"
        name = "" if self.primary is None else f"/{self.primary}"
        hosts = ",".join(at(*host) for host in self.hosts)
        return f"{scheme}{'s' if self.tls else ''}://{hosts}{name}/{self.db}"


def at(host: str, port: int) -> str:
    """Return a host and a port in the form of a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(url: str) -> tuple[str, str, str]:
    """Return a URL's hosts with the user, its path without the first slash, and what follows.

    ``urlsplit`` would refuse several hosts if one of them is in brackets.
    """
    found = re.fullmatch(r"[^:]*://([^/?#]*)/?([^?#]*)(.*)", url, re.DOTALL)
    if found is None:
        raise ValueError("no host")
    return found[1], found[2], found[3].strip("?#")


def _login(text: str) -> Login:
    user, _, password = text.partition(":")
    return Login(unquote(user) or None, unquote(password) or None)


def _host(text: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.port == 0:
        raise ValueError("no host")
    return parts.hostname, parts.port or port
