"""`glimpse tenants`: what tenants have and may have, and what their jobs call; for operators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.service import redis_address
from cli.terminal.table import print_rows
from common.tenants import check_tenant
from common.webhooks.url import Endpoint

if TYPE_CHECKING:
    from redis import Redis


@click.group()
def tenants() -> None:
    """List tenants, and set how many images they may have and where their webhooks go.

    These commands connect to the service's Redis rather than to its API, so they
    need access to Redis but no key.
    """


@tenants.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@redis_address.DATA
def list_tenants(as_json: bool, data: Path) -> None:
    """List the tenants that have a key, a quota or pending images.

    If the output is not a terminal, each line has the tenant, its images, its quota,
    its pending images and the URL that its jobs call, separated by tabs. Images are
    counted only for tenants with a quota.
    """
    with redis_address.opened(data) as redis:
        found = _all(redis)
    if as_json:
        click.echo(json.dumps({"tenants": found}, indent=2))
        return
    rows = [["-" if value is None else str(value) for value in each.values()] for each in found]
    print_rows(rows, ("tenant", "images", "quota", "pending", "callback url"))


@tenants.command("set")
@click.argument("tenant")
@click.option("--images", type=click.IntRange(min=0), help="Number of images it may have.")
@click.option("--no-quota", is_flag=True, help="Remove its quota.")
@click.option("--callback-url", help="URL to call at the end of jobs that name none.")
@click.option("--no-callback-url", is_flag=True, help="Remove this URL.")
@redis_address.DATA
def set_tenant(
    tenant: str,
    images: int | None,
    no_quota: bool,
    callback_url: str | None,
    no_callback_url: bool,
    data: Path,
) -> None:
    """Set what a tenant may have and where its webhooks go; takes effect at once.

    A smaller quota deletes nothing.
    """
    try:
        check_tenant(tenant)
        if callback_url is not None:
            Endpoint.of(callback_url)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    given = [images is not None, no_quota, callback_url is not None, no_callback_url]
    if sum(given) != 1:
        raise click.UsageError(
            "Give one of --images, --no-quota, --callback-url and --no-callback-url."
        )
    with redis_address.opened(data) as redis:
        if images is not None or no_quota:
            _set_quota(redis, tenant, images)
        else:
            _set_default(redis, tenant, callback_url)


def _all(redis: Redis) -> list[dict[str, str | int | None]]:
    """Return what there is to say of each tenant, by the names in JSON."""
    # Importing the Redis client takes longer than most commands run.
    from common.jobs.redis import pending_by_tenant
    from common.keys.redis import RedisKeys
    from common.quotas.redis import RedisQuotas
    from common.webhooks.redis import RedisWebhooks

    quotas = {quota.tenant: quota for quota in RedisQuotas(redis).all()}
    pending, urls = pending_by_tenant(redis), RedisWebhooks(redis).defaults()
    keys = {key.tenant for key in RedisKeys(redis).all()}
    names = quotas.keys() | pending.keys() | urls.keys() | keys
    found: list[dict[str, str | int | None]] = []
    for name in sorted(names):
        quota = quotas.get(name)
        counts = {
            "images": None if quota is None or quota.counted is None else quota.used,
            "quota": None if quota is None else quota.images_max,
            "pending": pending.get(name, 0),
        }
        found.append({"tenant": name, **counts, "callback_url": urls.get(name)})
    return found


def _set_quota(redis: Redis, tenant: str, images: int | None) -> None:
    from common.quotas.redis import RedisQuotas

    RedisQuotas(redis).put(tenant, images)
    shown = "no quota" if images is None else f"a quota of {images} images"
    click.echo(f"The tenant {tenant} has {shown}.", err=True)


def _set_default(redis: Redis, tenant: str, url: str | None) -> None:
    from common.webhooks.redis import RedisWebhooks

    RedisWebhooks(redis).put_default(tenant, url)
    shown = "no URL" if url is None else url
    click.echo(f"Jobs of the tenant {tenant} that name no URL call {shown}.", err=True)
