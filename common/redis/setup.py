"""Checks at start that Redis accepts the settings, and says in a sentence why it does not."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from common.broker.remote_control import rights_needed
from common.errors import BrokerMisconfigured, BrokerUnavailable, InvalidSettings
from common.redis.address import RedisAddress, Tls, at
from common.redis.client import broker_error, cannot_save, connect, open_pool

# What to do about OpenSSL's reasons to reject a certificate (its X509_V_ERR codes).
_UNTRUSTED = (
    "is not signed by a trusted CA. Set GLIMPSE_REDIS_CA to the file of the CA's certificate or, if"
    " it is self-signed, of the certificate itself."
)
_OTHER_NAME = (
    "is for another name. Connect by a name in the certificate, or issue one with this name; for"
    " sentinels, see `sentinel announce-hostnames`."
)
_REJECTED = {
    9: "is not valid yet. Check the certificate's dates and this machine's clock.",
    10: "has expired. Renew it, or correct this machine's clock.",
    **dict.fromkeys((18, 19, 20, 21), _UNTRUSTED),
    **dict.fromkeys((62, 64), _OTHER_NAME),
}

_WITH_TLS = (
    "If it requires a client certificate, set GLIMPSE_REDIS_CERT and GLIMPSE_REDIS_KEY; if it does"
    " not use TLS, use redis:// or sentinel://."
)
_WITHOUT_TLS = "If it uses TLS, use rediss:// or sentinels://."

# Commands that a process needs, with K for a key. It holds a hash, so that commands on other types
# fail without effect; Redis checks the user's rights first.
_PROBES = """
HSET K f v|EXPIRE K 10|HSETNX K f v|HGET K f|HMGET K f|HGETALL K|HEXISTS K f|HINCRBY K n 1|HKEYS K
HLEN K|HVALS K|HSCAN K 0|HRANDFIELD K 1|HDEL K n|LPUSH K v|RPUSH K v|LINDEX K 0|LLEN K|LRANGE K 0 0
BRPOP K 0.01|SADD K m|SREM K m|SCARD K|SMEMBERS K|SMISMEMBER K m|ZADD K 1 m|ZREM K m|ZCARD K
ZSCORE K m|ZMSCORE K m|ZRANGE K 0 0|ZRANGEBYSCORE K 0 0|GET K|MGET K|GETRANGE K 0 0|SETRANGE K 0 v
APPEND K v|INCRBY K 1|DECRBY K 1|EXISTS K|TTL K|PERSIST K|PEXPIRE K 9999|SETEX K 10 v|SET K v EX 10
DEL K|UNLINK K|PING|TIME|INFO server|MULTI|EXEC|EVALSHA 0 0|EVAL return{} 0
EXISTS ingest|EXISTS search|EXISTS catalog|EXISTS reindex|EXISTS unacked|EXISTS unacked_index
EXISTS celery-task-meta-0|PUBLISH celery-task-meta-0 v
"""
_PROBE_KEY = "glimpse:probe"
# Maximum rights to name in a message.
_NAMED_MAX = 8


def require_redis(address: RedisAddress) -> None:
    """Return if a process may start with this address.

    Raises:
        BrokerMisconfigured: Redis or a sentinel refuses the settings; a retry does not help.
        InvalidSettings: A file of certificates cannot be used.
        BrokerUnavailable: Redis does not answer; a retry may help.
    """
    if address.tls is not None:
        _require_files(address.tls)
    where = f"Redis at {address}"
    if address.primary is not None:
        where = f"the primary of {address.primary} at {_find_primary(address)}"
    with connect(address) as redis:
        try:
            lacking = _lacking(redis, _PROBES.strip().replace("\n", "|"))
        except RedisError as error:
            _fail(error, where, address)
    if lacking:
        more = f" and {len(lacking) - _NAMED_MAX} more" if len(lacking) > _NAMED_MAX else ""
        raise BrokerMisconfigured(
            f"The user {address.login.user or 'default'} of {where} may not use"
            f" {', '.join(lacking[:_NAMED_MAX])}{more}. Give it the rights in docs/operations.md."
        )


def lacks_for_remote_control(address: RedisAddress) -> list[str]:
    """Return the rights that the user lacks for Celery's remote control and events.

    Raises:
        BrokerUnavailable: Redis does not answer.
    """
    with connect(address) as redis:
        try:
            return _lacking(redis, rights_needed(address.db))
        except RedisError as error:
            raise broker_error(error) from error


def _require_files(tls: Tls) -> None:
    for name, path in (("CA", tls.ca), ("CERT", tls.cert), ("KEY", tls.key)):
        try:
            if path is not None:
                Path(path).read_bytes()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InvalidSettings(f"GLIMPSE_REDIS_{name}: cannot read {path}: {reason}.") from None
    context = ssl.create_default_context()
    try:
        name = "CA"
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
        name = "CERT"
        if tls.cert is not None:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(tls.cert, tls.key, password=lambda: "-")
    except ssl.SSLError as error:
        raise InvalidSettings(
            f"GLIMPSE_REDIS_{name}: the file must be in PEM format, and a client's certificate"
            f" needs its own key, without a password ({error.reason})."
        ) from None


def _find_primary(address: RedisAddress) -> str:
    """Return the primary's host and port, as the first sentinel names it that considers it up."""
    # The published types of the pool leave its sentinels out.
    pool: Any = open_pool(address)
    sentinels = pool.sentinel_manager
    names: set[str] = set()
    down: list[str] = []
    refusals: list[str | None] = []
    for sentinel, host in zip(sentinels.sentinels, address.hosts, strict=True):
        try:
            found = sentinel.sentinel_masters()
        except RedisError as error:
            refusals.append(_refusal(error, f"the sentinel at {at(*host)}"))
            continue
        names |= found.keys()
        if (state := found.get(address.primary)) is not None:
            primary = at(state["ip"], state["port"])
            if sentinels.check_master_state(state, address.primary):
                return primary
            down.append(primary)
    if len(refusals) == len(address.hosts):
        _fail_without_sentinels(address, next(filter(None, refusals), None))
    if down:
        raise BrokerUnavailable(
            f"The sentinels name {down[0]} as the primary of {address.primary}, and consider it"
            " down. Start it, or wait until they have promoted a replica."
        )
    raise BrokerMisconfigured(
        f"The sentinels know no primary named {address.primary}, but:"
        f" {', '.join(sorted(names)) or 'none'}. Correct the name in GLIMPSE_REDIS_URL."
    )


def _fail_without_sentinels(address: RedisAddress, refusal: str | None) -> NoReturn:
    if refusal:
        raise BrokerMisconfigured(refusal)
    raise BrokerUnavailable(
        f"No sentinel answers at {address}. Start them, or correct GLIMPSE_REDIS_URL."
    )


def _lacking(redis: Redis, commands: str) -> list[str]:
    """Return which of some commands, separated by ``|``, and keys the user may not use."""
    probes = [probe.split() for probe in commands.split("|")]
    pipe = redis.pipeline(transaction=False)
    for probe in probes:
        words = (_PROBE_KEY if word == "K" else word for word in probe)
        pipe.execute_command(*words)  # type: ignore[no-untyped-call]
    replies = pipe.execute(raise_on_error=False)
    return [
        probe[0] if "K" in probe else " ".join(probe)
        for probe, reply in zip(probes, replies, strict=True)
        if isinstance(reply, NoPermissionError)
    ]


def _fail(error: RedisError, where: str, address: RedisAddress) -> NoReturn:
    if refusal := _refusal(error, where, address.db):
        raise BrokerMisconfigured(refusal) from error
    if cannot_save(error):
        raise broker_error(error) from error
    # A server that misses a certificate may close the connection before its reason is read.
    hint = _WITH_TLS if address.tls else _WITHOUT_TLS
    raise BrokerUnavailable(
        f"{_sentence(where)} does not answer: {error} Check that it runs. {hint}"
    ) from error


def _refusal(error: RedisError, where: str, db: int = 0) -> str | None:
    """Return why Redis will never accept the settings, or None if a retry may help."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = _REJECTED.get(cause.verify_code, f"is rejected: {cause.verify_message}.")
            return f"The certificate of {where} {reason}"
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return (
                f"{_sentence(where)} rejects the encrypted connection ({cause.reason}). {_WITH_TLS}"
            )
    if isinstance(error, AuthenticationError):
        setting = "SENTINEL_PASSWORD" if "sentinel" in where else "URL"
        return (
            f"{_sentence(where)} rejects the user name or password. Correct"
            f" GLIMPSE_REDIS_{setting}."
        )
    if isinstance(error, NoPermissionError):
        return f"{_sentence(where)}: {error}. Give the user the rights in docs/operations.md."
    if isinstance(error, ResponseError) and "DB index" in str(error):
        return f"{_sentence(where)} has no database {db}. Correct GLIMPSE_REDIS_URL."
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
