"""``cvkit completion``: the script with which a shell completes cvkit's commands, options and components."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ..errors import CvkitError
from .terminal import echo_data

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete cvkit's commands.

    The names of components, explainers and exporters are completed too.
    """
    found = get_completion_class(shell)
    if found is None:
        raise CvkitError(f"click, which completes commands, does not support the shell '{shell}'")
    try:
        script = found(context.find_root().command, {}, "cvkit", "_CVKIT_COMPLETE").source()
    except RuntimeError as error:  # click looks for a bash that is too old
        raise CvkitError(f"the completion of {shell} is not available: {error}") from error
    echo_data(f"{script.strip()}\n".encode())
