"""A guarded call returns the component's result; an error in it names the component."""

from __future__ import annotations

import copy
import pickle
import sys
from functools import partial

import pytest
import torch

from cvkit import KINDS, Component, ComponentFailure, RunError
from cvkit.guard import Guard
from cvkit.host.component import Origin
from cvkit.host.registry import Entry

ENTRY = Entry(KINDS["losses"], Component("arc", "acme_losses:Arc"), Origin("acme", "acme-losses", "1.2"))
GUARD = Guard(ENTRY, "fails on")


def fails(*given):
    raise LookupError("no\nclass")


def test_guarded_call_returns_what_the_component_does():
    """And passes every argument on."""
    assert GUARD(max, 3, 5) == 5
    assert partial(GUARD, max)(3, 5) == 5


def test_failure_names_component_origin_input_cause_and_place(wording):
    """In one line, with the type of the cause kept beside it."""
    with pytest.raises(ComponentFailure) as caught:
        GUARD(fails, torch.zeros(8, 10), torch.zeros(8, dtype=torch.int64), object())
    told = str(caught.value)
    line = str(fails.__code__.co_firstlineno + 1)
    named = ("'acme/arc'", "acme-losses 1.2", "float32 (8, 10)", "int64 (8,)", "LookupError: no class", line)
    assert [part for part in named if part not in told] == []
    assert told.replace(line, "<line>") == wording
    assert caught.value.component == "acme/arc"
    assert isinstance(caught.value.__cause__, LookupError)


def test_failure_crosses_processes_whole():
    """Processes that load images hand theirs over."""
    error = GUARD.failure("fails")
    other = pickle.loads(pickle.dumps(error))  # its own bytes
    assert (type(other), str(other), other.component) == (ComponentFailure, str(error), "acme/arc")


@pytest.mark.parametrize("error", [RunError("said well"), KeyboardInterrupt(), MemoryError()])
def test_what_is_not_the_components_fault_passes(error):
    """An error of cvkit's own, the user's Ctrl-C, a lack of memory."""

    def raises():
        raise error

    with pytest.raises(type(error)) as caught:
        GUARD(raises)
    assert caught.value is error


def test_component_that_ends_the_process_fails_instead():
    """A run that vanished with exit code 0 would pass for one that was finished."""
    with pytest.raises(ComponentFailure, match="SystemExit"):
        GUARD(lambda: sys.exit(0))


def test_exit_by_the_command_line_passes():
    """As by a signal's handler, which runs in whatever code is at work."""
    handler = eval("lambda: (_ for _ in ()).throw(SystemExit(143))", {"__name__": "cvkit.cli.run"})
    with pytest.raises(SystemExit):
        GUARD(handler)


def test_guarded_part_can_be_copied():
    """Tuners train copies of a run's parts."""
    assert copy.deepcopy(partial(GUARD, torch.nn.Identity()))(7) == 7
