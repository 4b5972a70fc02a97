"""`glimpse completion`: what makes a shell complete the command's words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

# The variable by which a shell asks the command for completions.
_VARIABLE = "_GLIMPSE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options and their values.

    \b
    Example:
      glimpse completion bash >> ~/.bashrc
      glimpse completion zsh >> ~/.zshrc
      glimpse completion fish > ~/.config/fish/completions/glimpse.fish
    """  # noqa: D301 - click's mark for lines that are kept
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(kind(ctx.find_root().command, {}, "glimpse", _VARIABLE).source())
