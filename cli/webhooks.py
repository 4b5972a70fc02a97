"""`glimpse webhooks`: the messages that jobs have ended, and the secret that signs them."""

from __future__ import annotations

from itertools import islice

import click

from cli.arguments.image_id import JobId, whole_job_id
from cli.terminal.table import limit_option, on_terminal, print_list, print_rows
from glimpse_client import Glimpse
from glimpse_client.answers import Attempt, DeliveriesPage, Delivery

_STATES = ("pending", "delivered", "failed")
_COLUMNS = ("job", "created", "state", "attempts", "last", "url")


@click.group()
def webhooks() -> None:
    """List and repeat messages that jobs have ended, and create the secret.

    Requests that create a job name the URL to call as `callback_url`.

    \b
    Example:
      glimpse webhooks list --state failed | cut -f1 | xargs glimpse webhooks replay
    """  # noqa: D301 - click's marker for preformatted lines


@webhooks.command("list")
@click.option("--state", type=click.Choice(_STATES), help="List only deliveries in this state.")
@limit_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_deliveries(state: str | None, limit: int | None, as_json: bool) -> None:
    """List deliveries, newest first.

    If the output is not a terminal, each line has the job ID, time, state, number of
    attempts, the last status or error, and the URL, separated by tabs.
    """
    with Glimpse.from_environ() as client:
        found = client.deliveries(state)
        if as_json:
            page = DeliveriesPage(deliveries=tuple(islice(found, limit)))
            click.echo(page.model_dump_json(indent=2, exclude={"next_cursor"}))
        elif not print_list(found, _row, _COLUMNS, limit):
            click.echo("No deliveries found.", err=True)


@webhooks.command()
@click.argument("job", type=JobId())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(job: str, as_json: bool) -> None:
    """Show the attempts to tell that JOB has ended.

    If the output is not a terminal, each line has the time, the milliseconds, and the
    status or the error, separated by tabs.
    """
    with Glimpse.from_environ() as client:
        delivery = client.delivery(whole_job_id(client, job))
    if as_json:
        click.echo(delivery.model_dump_json(indent=2))
        return
    rows = [(each.at, str(each.ms), _told(each)) for each in delivery.attempts]
    print_rows(rows, ("time", "ms", "result"))
    following = delivery.next_attempt_at
    click.echo(delivery.state + (f", next attempt {following}" if following else ""), err=True)


@webhooks.command()
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True, type=JobId())
def replay(jobs: tuple[str, ...]) -> None:
    """Send the messages of these jobs again."""
    with Glimpse.from_environ() as client:
        for job in jobs:
            click.echo(client.replay_delivery(whole_job_id(client, job)).id)


@webhooks.command()
def secret() -> None:
    """Create the secret that signs messages, and print it; it cannot be shown again.

    Messages are also signed with the secret before it for a day, so that receivers
    can change to the new one.
    """
    with Glimpse.from_environ() as client:
        created = client.rotate_webhook_secret()
    click.echo(created.secret)
    if created.previous_until is not None:
        click.echo(f"The secret before it stays valid until {created.previous_until}.", err=True)


def _row(delivery: Delivery) -> tuple[str, ...]:
    time = delivery.created_at[:19] if on_terminal() else delivery.created_at
    last = _told(delivery.attempts[-1]) if delivery.attempts else ""
    count = str(len(delivery.attempts))
    return delivery.id, time, delivery.state, count, last, delivery.url


def _told(attempt: Attempt) -> str:
    return attempt.error or str(attempt.status)
