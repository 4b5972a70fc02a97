"""`glimpse up`: the whole stack on one machine, in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from cli.arguments.folder_name import FolderName
from cli.errors import PartMissing


@click.command()
@click.option(
    "--data",
    default=Path("data"),
    show_default=True,
    type=FolderName(),
    help="Folder for all data.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 chooses a free one.",
)
@click.option(
    "--ingest-workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Number of processes that index pictures.",
)
@click.option(
    "--allow-open",
    is_flag=True,
    help="While there are no keys, let anyone who can reach the API do anything.",
)
def up(data: Path, host: str, port: int, ingest_workers: int, allow_open: bool) -> None:
    """Run the whole stack on this machine until Ctrl-C.

    Starts Valkey and Milvus Lite too, unless GLIMPSE_REDIS_URL or
    GLIMPSE_MILVUS_URI names a running server. GLIMPSE_MODEL chooses the model of
    a new data folder; without it, CLIP's ViT-B/32 is used if its weights can be
    fetched, else `starter`. In a folder with another active model, a chosen one
    runs beside it, until `glimpse models use` switches to it.

    To give other machines access, create a key first (see `glimpse keys create --help`),
    then pass --host. Without keys such an address is refused, unless
    --allow-open lets anyone do anything.

    \b
    Example:
      glimpse up --data glimpse-data --port 8080
    """  # noqa: D301 - click's mark for lines that are kept
    try:
        from cli.stack.run import Options, run
    except ModuleNotFoundError as error:
        raise PartMissing(
            f"`glimpse up` needs {error.name}. Run: pip install 'glimpse[worker,embedded]'"
        ) from error
    run(Options(data, host, port, ingest_workers, allow_open))
