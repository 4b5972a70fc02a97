"""The `glimpse` command, and what people see when something goes wrong."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

import glimpse_client
from cli.completion import completion
from cli.dead_letters import dead_letters
from cli.demo import demo
from cli.errors import RedisNotFound
from cli.exit_codes import INCOMPLETE, INTERRUPTED, UNREACHABLE, USAGE
from cli.images import delete, images
from cli.ingest import ingest
from cli.jobs import cancel, jobs
from cli.keys import keys
from cli.search import search
from cli.status import status
from cli.text import shown, shown_lines
from cli.up import up
from common.errors import GlimpseError, InvalidSettings

_EPILOG = """\b
Exit status:
  0    it is done
  1    some pictures failed, nothing was found or deleted, or the stack could not run
  2    the command or a setting is wrong
  3    the server cannot be reached, or refused
  130  it was interrupted

\b
Environment:
  GLIMPSE_URL        address of the server (http://127.0.0.1:8000)
  GLIMPSE_API_KEY    key to send, where the server asks for one
  GLIMPSE_REDIS_URL  where `glimpse keys` works, if not on a `glimpse up` here
"""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="glimpse")
def commands() -> None:
    """Find pictures by what they show.

    \b
    Example:
      glimpse up                      (in one terminal)
      glimpse ingest Pictures         (in another)
      glimpse search "a white dog"
    """  # noqa: D301 - click's mark for lines that are kept


_COMMANDS = (
    *(ingest, search, images, delete),
    *(jobs, status, cancel, dead_letters),
    *(up, completion, demo, keys),
)
for command in _COMMANDS:
    commands.add_command(command)


def main() -> NoReturn:
    """Run the command line of this process, and end it with the command's status."""
    # As Ctrl-C does: what a command started is stopped before it ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit status; what went wrong is said on stderr."""
    try:
        return int(commands.main(arguments, "glimpse", standalone_mode=False) or 0)
    except click.ClickException as error:
        message = io.StringIO()
        error.show(message)
        click.echo(shown_lines(message.getvalue()), nl=False, err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        return _unheard()
    except (GlimpseError, glimpse_client.GlimpseError) as error:
        click.echo(f"Error: {shown_lines(str(error))}", err=True)
        return _status(error)
    except OSError as error:
        what = shown(str(error.filename or "system"))
        click.echo(f"Error: {what}: {error.strerror or error}", err=True)
        return INCOMPLETE
    except Exception as error:
        # A defect of ours; people see a sentence, and whoever looks for it the rest.
        if os.environ.get("GLIMPSE_LOG_LEVEL") == "DEBUG":
            traceback.print_exc()
        click.echo(
            f"Error: Glimpse failed: {type(error).__name__}: {shown_lines(str(error))}", err=True
        )
        return INCOMPLETE


def _status(error: Exception) -> int:
    if isinstance(error, glimpse_client.ClientError | RedisNotFound):
        return UNREACHABLE
    return USAGE if isinstance(error, InvalidSettings) else INCOMPLETE


def _unheard() -> int:
    """End quietly when whoever read the output has gone, as `| head` does."""
    # Python would complain when it flushes stdout at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return INCOMPLETE


if __name__ == "__main__":
    main()
