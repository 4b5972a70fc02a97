"""`glimpse keys`: make, list and revoke API keys; for whoever runs the service."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from cli import redis_address
from cli.errors import RedisNotFound
from cli.exit_codes import INCOMPLETE
from common.errors import BrokerFull, BrokerUnavailable
from common.keys.base import SCOPES, Key, Keys, Scope
from common.keys.token import issue
from common.rfc3339 import rfc3339

_DAY_S = 86_400
# Days that a key may be for, at most: a hundred years.
_DAYS_MAX = 36_500

_data = click.option(
    "--data",
    default=Path("data"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the `glimpse up` whose keys they are, unless GLIMPSE_REDIS_URL is set.",
)


@click.group()
def keys() -> None:
    """Make, list and revoke API keys.

    These commands speak to the service's Redis and not to its API, so they work
    before there is any key, and for nobody who cannot reach Redis. The first key
    that is made closes the service to everybody without one.
    """


@keys.command()
@click.option("--tenant", required=True, help="Whose images the key is for; a new name is fine.")
@click.option("--name", required=True, help="What you call the key.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    help="What it may do; give it again for more.",
)
@click.option("--expires-days", type=click.IntRange(1, _DAYS_MAX), help="Days after which it ends.")
@_data
def create(
    tenant: str, name: str, scopes: tuple[Scope, ...], expires_days: int | None, data: Path
) -> None:
    r"""Make a key and print it, this once: only a digest of it is kept.

    \b
    read   list, look at and search images
    write  upload and delete images, cancel jobs, replay dead letters
    admin  read the figures of the whole service from another machine
    """
    now = time.time()
    expires_at = None if expires_days is None else now + expires_days * _DAY_S
    try:
        token, key = issue(tenant, name, scopes, now, expires_at)
    except ValueError as error:
        raise click.UsageError(_reason(error)) from None
    with _reach(data) as kept:
        kept.add(key)
    click.echo(token.text)
    click.echo(
        f"Key {key.id} of tenant {tenant}. It is not shown again; send it as GLIMPSE_API_KEY"
        " or as Authorization: Bearer KEY.",
        err=True,
    )


@keys.command("list")
@_data
def list_keys(data: Path) -> None:
    """List keys, the newest first, without their secrets.

    Where the output is no terminal, each key is a line of its id, tenant, name,
    scopes, when it was made and last used (to the hour), and its state, with tabs
    between them.
    """
    with _reach(data) as kept:
        found = kept.all()
    if found:
        _show(found)
    else:
        click.echo("There are no keys: the service is open. See `glimpse keys create`.", err=True)


@keys.command()
@click.argument("key_id", metavar="ID")
@_data
def revoke(key_id: str, data: Path) -> int:
    """Let a key open nothing any more, in a few seconds at most."""
    with _reach(data) as kept:
        was_there = kept.revoke(key_id, time.time())
    if not was_there:
        click.echo(f"There is no key {key_id}. See `glimpse keys list`.", err=True)
        return INCOMPLETE
    click.echo(f"Key {key_id} is revoked.", err=True)
    return 0


@contextmanager
def _reach(data: Path) -> Iterator[Keys]:
    # Redis's client takes longer to load than most commands take.
    from common.keys.redis import RedisKeys
    from common.redis_client import connect

    url = redis_address.find(data)
    shown = redis_address.without_password(url)
    try:
        client = connect(url)
    except ValueError:
        raise RedisNotFound(f"{redis_address.SETTING} is no address of a Redis.") from None
    try:
        yield RedisKeys(client)
    except BrokerFull:
        raise
    except BrokerUnavailable:
        raise RedisNotFound(f"Redis does not answer at {shown}; does the service run?") from None
    finally:
        client.close()


def _show(found: Sequence[Key]) -> None:
    rows = [_row(key, time.time()) for key in found]
    console = Console()
    if not console.is_terminal:
        # Lines for `grep` and `cut`: neither wrapped nor framed.
        for row in rows:
            click.echo("\t".join(row))
        return
    table = Table("id", "tenant", "name", "scopes", "created", "last used", "state", box=None)
    for row in rows:
        table.add_row(*row)
    console.print(table, markup=False)


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


def _state(key: Key, now: float) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "valid"
    return f"valid until {_day(key.expires_at)}" if key.is_valid(now) else "expired"


def _day(seconds: float) -> str:
    return rfc3339(seconds)[:16] + "Z"


def _reason(error: ValueError) -> str:
    """Return what is wrong in words for people; pydantic tells more than they need."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{entry['loc'][0]}: {entry['msg']}" for entry in error.errors())
    return str(error)
