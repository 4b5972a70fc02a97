"""`glimpse keys`: create, list and revoke API keys; for operators."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from cli.exit_codes import INCOMPLETE
from cli.service import redis_address
from cli.terminal.table import print_rows
from common.keys.base import SCOPES, Key, Keys, Scope
from common.keys.token import issue
from common.rfc3339 import rfc3339

if TYPE_CHECKING:
    from redis import Redis

_DAY_S = 86_400
# Maximum lifetime of a key in days: a hundred years.
_DAYS_MAX = 36_500

_FIRST_KEY = (
    "This is the service's first key. Within a few seconds, all requests need a key, and so does"
    " the page. Images uploaded without a key belong to the tenant default."
)


@click.group()
def keys() -> None:
    """Create, list and revoke API keys.

    These commands connect to the service's Redis rather than to its API, so they
    need access to Redis but no key. Once the first key exists, the service
    rejects requests without a key.
    """


@keys.command()
@click.option(
    "--tenant",
    required=True,
    help="Tenant whose images the key gives access to; need not exist yet.",
)
@click.option("--name", required=True, help="Name of the key, for your own reference.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    help="Permission of the key. Repeatable.",
)
@click.option(
    "--expires-days", type=click.IntRange(1, _DAYS_MAX), help="Days until the key expires."
)
@redis_address.DATA
def create(
    tenant: str, name: str, scopes: tuple[Scope, ...], expires_days: int | None, data: Path
) -> None:
    """Create a key and print it. Only a digest is stored, so it cannot be shown again.

    \b
    read   list, view and search images
    write  upload and delete images, cancel jobs, replay dead letters
    admin  change the model; read the metrics from another machine

    \b
    Example:
      glimpse keys create --tenant default --name first --scope read --scope write
    """  # noqa: D301 - click's marker for preformatted lines
    try:
        token, key = issue(tenant, name, scopes, now=0)
    except ValueError as error:
        raise click.UsageError(_reason(error)) from None
    with redis_address.opened(data) as redis:
        now = _now(redis)
        expires_at = None if expires_days is None else now + expires_days * _DAY_S
        times = {"created_at": now, "expires_at": expires_at}
        stored = _keys(redis)
        is_first = not stored.exist()
        stored.add(key.model_copy(update=times))
    click.echo(token.text)
    click.echo(
        f"Created key {key.id} for tenant {tenant}. It is not shown again. Set GLIMPSE_API_KEY to"
        " it, or send it as Authorization: Bearer KEY.",
        err=True,
    )
    if is_first:
        click.echo(_FIRST_KEY, err=True)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@redis_address.DATA
def list_keys(as_json: bool, data: Path) -> None:
    """List keys, newest first, without their secrets.

    If the output is not a terminal, each line has the key ID, tenant, name, scopes,
    the times of creation and of last use (to the hour), and the state, separated by
    tabs.
    """
    with redis_address.opened(data) as redis:
        found, now = _keys(redis).all(), _now(redis)
    if as_json:
        click.echo(json.dumps({"keys": [_document(key, now) for key in found]}, indent=2))
    elif found:
        _show(found, now)
    else:
        create = redis_address.create_key(data)
        click.echo(f"No keys found: the service is open. Create one: `{create}`.", err=True)


@keys.command()
@click.argument("key_id", metavar="ID")
@redis_address.DATA
def revoke(key_id: str, data: Path) -> int:
    """Revoke the key with this ID; takes effect within a few seconds."""
    with redis_address.opened(data) as redis:
        existed = _keys(redis).revoke(key_id, _now(redis))
    if not existed:
        click.echo(f"There is no key {key_id}. See `glimpse keys list`.", err=True)
        return INCOMPLETE
    click.echo(f"Revoked key {key_id}.", err=True)
    return 0


def _keys(redis: Redis) -> Keys:
    # Importing the Redis client takes longer than most commands run.
    from common.keys.redis import RedisKeys

    return RedisKeys(redis)


def _now(redis: Redis) -> float:
    """Return Redis's time, which the API compares the keys' with."""
    from common.redis.client import broker_call
    from common.redis.time import seconds

    return seconds(broker_call(redis.time)())


def _show(found: Sequence[Key], now: float) -> None:
    rows = [_row(key, now) for key in found]
    names = ("id", "tenant", "name", "scopes", "created", "last used", "state")
    print_rows(rows, names)


def _row(key: Key, now: float) -> list[str]:
    scopes = ",".join(scope for scope in SCOPES if scope in key.scopes)
    return [
        key.id,
        key.tenant,
        key.name,
        scopes,
        _day(key.created_at),
        "never" if key.used_at is None else _day(key.used_at),
        _state(key, now),
    ]


def _document(key: Key, now: float) -> dict[str, object]:
    """Return a key as JSON has it: without its digest."""
    times = key.model_dump(include={"created_at", "expires_at", "revoked_at", "used_at"})
    return {
        **key.model_dump(include={"id", "tenant", "name"}),
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        **{name: None if at is None else rfc3339(at) for name, at in times.items()},
        "valid": key.is_valid(now),
    }


def _state(key: Key, now: float) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "valid"
    return f"valid until {_day(key.expires_at)}" if key.is_valid(now) else "expired"


def _day(seconds: float) -> str:
    return rfc3339(seconds)[:16] + "Z"


def _reason(error: ValueError) -> str:
    """Return the error in one line; pydantic's own message is longer."""
    if isinstance(error, ValidationError):
        return "; ".join(
            f"--{entry['loc'][0]}: {entry['msg'].removeprefix('Value error, ')}."
            for entry in error.errors()
        )
    return str(error)
