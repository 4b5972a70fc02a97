"""`glimpse completion`: shell completion scripts."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

# The environment variable in which the shell requests completions (click's convention).
_VARIABLE = "_GLIMPSE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a shell completion script.

    The script makes SHELL complete commands, options and their values.

    \b
    Example:
      glimpse completion bash >> ~/.bashrc
      glimpse completion zsh >> ~/.zshrc
      glimpse completion fish > ~/.config/fish/completions/glimpse.fish
    """  # noqa: D301 - click's marker for preformatted lines
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"Shell {shell} is not supported.")
    click.echo(kind(ctx.find_root().command, {}, "glimpse", _VARIABLE).source())
