"""The contract of a kind: a check states what it requires, and reports what a component did instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from ..errors import ComponentError
from ..step_progress import Progress, during

Fail = Callable[..., NoReturn]
"""Reports a broken contract. The arguments are what was seen and, optionally, what to do next."""

_LONGEST_CAUSE = 300

MIDWAY = Progress.of(epoch=2, step=3, steps_per_epoch=8, planned=32)
"""The progress of training in the checks: in the middle of a short run."""


class ContractBroken(AssertionError):
    """A component breaks the contract of its kind. The message contains the contract and what was seen.

    Args:
        contract: What every component of the kind must do.
        seen: What the component did instead.
        advice: What to do next.
    """

    def __init__(self, contract: str, seen: str, advice: str = "") -> None:
        super().__init__("\n".join(filter(None, [f"contract: {contract}", f"seen: {seen}", advice])))


@contextmanager
def promise(contract: str) -> Iterator[Fail]:
    """Raise `ContractBroken` if the block calls the function that this yields, or if the block raises an error.

    In the block, the progress of training is `MIDWAY`.
    """
    __tracebackhide__ = True

    def broken(seen: str, advice: str = "") -> NoReturn:
        __tracebackhide__ = True
        raise ContractBroken(contract, seen, advice)

    try:
        with during(MIDWAY):
            yield broken
    except ContractBroken:
        raise
    except (Exception, SystemExit) as error:
        raise ContractBroken(contract, f"it raised {brief(error)}") from error


def brief(error: BaseException) -> str:
    """Return the type and message of a component's error in one line. pytest shows the full error as the cause."""
    if isinstance(error, ComponentError):
        error = error.__cause__ or error  # the factory's own error, without the recipe's context
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return text if len(text) <= _LONGEST_CAUSE else f"{text[:_LONGEST_CAUSE]}..."
