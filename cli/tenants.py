"""`glimpse tenants`: what tenants have, and how much they may have; for operators."""

from __future__ import annotations

from pathlib import Path

import click

from cli import redis_address
from cli.table import print_rows
from common.tenants import check_tenant


@click.group()
def tenants() -> None:
    """List tenants, and set how many images they may have.

    These commands connect to the service's Redis rather than to its API, so they
    need access to Redis but no key.
    """


@tenants.command("list")
@redis_address.DATA
def list_tenants(data: Path) -> None:
    """List the tenants that have a key, a quota or pending images.

    If the output is not a terminal, each line has the tenant, its images, its quota
    and its pending images, separated by tabs. Images are counted only for tenants
    with a quota.
    """
    # Importing the Redis client takes longer than most commands run.
    from common.jobs.redis import pending_by_tenant
    from common.keys.redis import RedisKeys
    from common.quotas.redis import RedisQuotas

    with redis_address.opened(data) as redis:
        quotas = {quota.tenant: quota for quota in RedisQuotas(redis).all()}
        pending = pending_by_tenant(redis)
        names = quotas.keys() | pending.keys() | {key.tenant for key in RedisKeys(redis).all()}
    rows = []
    for name in sorted(names):
        quota = quotas.get(name)
        used = "-" if quota is None or quota.counted is None else str(quota.used)
        images_max = "-" if quota is None else str(quota.images_max)
        rows.append([name, used, images_max, str(pending.get(name, 0))])
    print_rows(rows, ("tenant", "images", "quota", "pending"))


@tenants.command("set")
@click.argument("tenant")
@click.option("--images", type=click.IntRange(min=0), help="Number of images it may have.")
@click.option("--no-quota", is_flag=True, help="Remove its quota.")
@redis_address.DATA
def set_quota(tenant: str, images: int | None, no_quota: bool, data: Path) -> None:
    """Set how many images a tenant may have; takes effect at once and deletes nothing."""
    from common.quotas.redis import RedisQuotas

    try:
        check_tenant(tenant)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    if no_quota == (images is not None):
        raise click.UsageError("Give either --images or --no-quota.")
    with redis_address.opened(data) as redis:
        RedisQuotas(redis).put(tenant, images)
    shown = "no quota" if images is None else f"a quota of {images} images"
    click.echo(f"The tenant {tenant} has {shown}.", err=True)
