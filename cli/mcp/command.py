"""The command `glimpse mcp`."""

from __future__ import annotations

import click

from cli.errors import PartMissing

# Where `--http` listens by default.
_HOST, _PORT = "127.0.0.1", 8090


@click.command()
@click.option("--write", is_flag=True, help="Also offer the tool that changes tags.")
@click.option("--http", "over_http", is_flag=True, help="Serve HTTP instead of stdin and stdout.")
@click.option("--host", help=f"Address to listen on, with --http (default {_HOST}).")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Port to listen on, with --http (default {_PORT}); 0 chooses a free one.",
)
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Also accept requests for this host name, with --http. Repeatable.",
)
def mcp(
    *,
    write: bool,
    over_http: bool,
    host: str | None,
    port: int | None,
    allowed_hosts: tuple[str, ...],
) -> None:
    """Let assistants and agents search, over the Model Context Protocol.

    An MCP client starts this command and talks to it on stdin and stdout. The tools
    search by words and pictures, show thumbnails, and list images and tags of the
    server at GLIMPSE_URL, with the key GLIMPSE_API_KEY.

    With --http, clients connect to http://HOST:PORT/mcp and send API keys of their
    own (Authorization: Bearer KEY); the service must have keys.

    \b
    Example:
      glimpse mcp --write
      glimpse mcp --http --host 0.0.0.0 --allow-host pictures.example.org
    """  # noqa: D301 - click's marker for preformatted lines
    if not over_http and (host is not None or port is not None or allowed_hosts):
        raise click.UsageError("--host, --port and --allow-host need --http.")
    try:
        from cli.mcp.http import serve_http
        from cli.mcp.stdio import serve_stdio
    except ModuleNotFoundError as error:
        raise PartMissing(
            f"`glimpse mcp` needs {error.name}. Run: pip install 'glimpse[mcp]'"
        ) from error
    if over_http:
        address = host or _HOST, _PORT if port is None else port
        serve_http(*address, allowed_hosts, writes=write)
    else:
        serve_stdio(writes=write)
