"""The `glimpse` command and its error messages."""

from __future__ import annotations

import io
import os
import traceback
from collections.abc import Sequence

import click

import glimpse_client
from cli.backup import backup, restore
from cli.bench.command import bench
from cli.completion import completion
from cli.dead_letters import dead_letters
from cli.demo import demo
from cli.doctor.command import doctor
from cli.edit import edit, tag
from cli.errors import MilvusNotFound, RedisNotFound, ServiceNotReady
from cli.exit_codes import INCOMPLETE, INTERRUPTED, UNREACHABLE, USAGE
from cli.fetch_model import fetch_model
from cli.images import delete, images
from cli.ingest import ingest
from cli.jobs import cancel, jobs
from cli.keys import keys
from cli.mcp.command import mcp
from cli.migrate import migrate
from cli.models import models
from cli.refresh import refresh
from cli.reindex import reindex
from cli.search import search
from cli.show import open_page, show, stats
from cli.status import status
from cli.tags import tags
from cli.tenants import tenants
from cli.terminal.table import discard_output
from cli.terminal.text import shown, shown_lines
from cli.up import up
from cli.webhooks import webhooks
from common.errors import GlimpseError, InvalidSettings
from glimpse_client.address import address_of

_EPILOG = """\b
Exit status:
  0    success
  1    some pictures failed, nothing was found or deleted, images lack embeddings,
       or the stack failed
  2    the command or a setting is invalid
  3    the server is unreachable or refused the request
  130  interrupted

\b
Environment:
  GLIMPSE_URL        address of the server (http://127.0.0.1:8000)
  GLIMPSE_API_KEY    API key, if the server requires one
  GLIMPSE_REDIS_URL  Redis of the service, for `glimpse keys`, `tenants`, `backup` and `restore`;
                     default: that of `glimpse up`
  GLIMPSE_TO_TOKEN   token of the Milvus to copy to, for `glimpse migrate`
"""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="glimpse")
@click.option("--url", help="Address of the server, instead of GLIMPSE_URL.")
def commands(url: str | None) -> None:
    """Find pictures by what they show.

    \b
    Example:
      glimpse up                      (in one terminal)
      glimpse ingest Pictures         (in another)
      glimpse search "a white dog"
    """  # noqa: D301 - click's marker for preformatted lines
    if url is not None:
        # Where the client looks for it.
        os.environ["GLIMPSE_URL"] = address_of(url)


_COMMANDS = (
    *(ingest, search, images, show, open_page, stats),
    *(tag, tags, edit, refresh, delete),
    *(jobs, status, cancel, dead_letters, webhooks),
    *(models, reindex, fetch_model),
    *(up, mcp, doctor, bench, completion, demo, keys, tenants, migrate, backup, restore),
)
for command in _COMMANDS:
    commands.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run a command, print errors to stderr, and return the exit status."""
    try:
        return int(commands.main(arguments, "glimpse", standalone_mode=False) or 0)
    except click.ClickException as error:
        message = io.StringIO()
        _explained(error).show(message)
        # click lists the values of a required option with tabs.
        click.echo(shown_lines(message.getvalue().expandtabs(2)), nl=False, err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed the pipe.
        discard_output()
        return INCOMPLETE
    except (GlimpseError, glimpse_client.GlimpseError) as error:
        click.echo(f"Error: {shown_lines(str(error))}", err=True)
        return _status(error)
    except OSError as error:
        what = shown(str(error.filename or "system"))
        click.echo(f"Error: {what}: {error.strerror or error}", err=True)
        return INCOMPLETE
    except Exception as error:
        # A bug: print one line, and the traceback only for debugging.
        if os.environ.get("GLIMPSE_LOG_LEVEL") == "DEBUG":
            traceback.print_exc()
        click.echo(f"Internal error: {type(error).__name__}: {shown_lines(str(error))}", err=True)
        return INCOMPLETE


def _explained(error: click.ClickException) -> click.ClickException:
    """Say where an unknown option belongs, instead of naming a similar one."""
    if not isinstance(error, click.NoSuchOption):
        return error
    place = _place_of(error.option_name, error.ctx)
    if place is None:
        return error
    return click.NoSuchOption(error.option_name, f"{error.message} {place}", ctx=error.ctx)


def _place_of(option: str, ctx: click.Context | None) -> str | None:
    """Return a sentence on where an unknown option belongs, or None if nothing has it."""
    if ctx and any(option in parameter.opts for parameter in commands.params):
        program, _, command = ctx.command_path.partition(" ")
        return f"It comes before the command: {program} {option} ... {command}."
    # Only now: it takes a sixth of the time of a short command.
    from common.settings import PREFIX, Settings

    name = option.removeprefix("--").replace("-", "_")
    if name in Settings.model_fields:
        return f"It is a setting of the service: {PREFIX}{name.upper()}."
    return None


def _status(error: Exception) -> int:
    if isinstance(
        error, glimpse_client.InvalidAddress | glimpse_client.InvalidHeader | InvalidSettings
    ):
        return USAGE
    if isinstance(error, glimpse_client.FileUnreadable):
        return INCOMPLETE
    not_found = MilvusNotFound | RedisNotFound | ServiceNotReady
    if isinstance(error, glimpse_client.ClientError | not_found):
        return UNREACHABLE
    return INCOMPLETE
