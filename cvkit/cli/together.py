"""A command that ``torchrun`` started in several processes: the first one owns the terminal, and all end together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ..errors import CvkitError, RunError
from ..runs.signals import exit_code_of_signal
from ..world.launch import launched
from .exit_code import NOTHING_STARTED, exit_code_of

if TYPE_CHECKING:
    from ..world.world import World

DIVIDED = ("run", "resume")
"""The commands whose work several processes divide."""

_joined: list[World] = []


def require_divided(command: str) -> None:
    """Raise `RunError` if ``torchrun`` started a command in several processes that only one can do."""
    if launched() and command not in DIVIDED:
        if os.environ["RANK"] != "0":
            raise SystemExit(NOTHING_STARTED)
        raise RunError(
            f"cvkit {command} works in one process; start it without torchrun. Several processes can divide the work "
            f"of {' and '.join(f'cvkit {name}' for name in DIVIDED)}"
        )


@contextmanager
def joined() -> Iterator[World | None]:
    """Yield the processes that ``torchrun`` started, or None without it. If one fails in the block, all of them end.

    The first process shows everything, also the error of another process. The others are silent, unless the first
    one could not be reached or the error is a defect.
    """
    if not launched():
        yield None
        return
    from ..world.world import World

    world = World.join()
    _joined.append(world)
    try:
        with _silent_unless(world.first), world.ending_together():
            yield world
    except BaseException as error:
        if not world.first:
            world.wait_for_first()
            if world.told:
                _end_silently(error)
        elif isinstance(error, SystemExit):  # what ended the command is shown already
            world.over()
        raise


def tell_over() -> None:
    """Tell the other processes, which wait for that, that everything is shown."""
    for world in _joined:
        world.over()


@contextmanager
def _silent_unless(first: bool) -> Iterator[None]:
    with ExitStack() as stack:
        if not first:
            nowhere: Any = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
        yield


def _end_silently(error: BaseException) -> NoReturn:
    """End with the exit code of an error that the first process has shown; raise a defect, whose place matters."""
    if isinstance(error, KeyboardInterrupt):
        raise SystemExit(exit_code_of_signal(error)) from None
    if isinstance(error, CvkitError | click.ClickException):
        raise SystemExit(exit_code_of(error)) from None
    raise error
