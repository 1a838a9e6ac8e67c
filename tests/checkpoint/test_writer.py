"""A thread writes one checkpoint at a time; what it writes is the state at the time of the copy."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from forks import in_a_fork

from cvkit import CheckpointError
from cvkit.checkpoint.files import read_checkpoint, read_newest, write_checkpoint
from cvkit.checkpoint.state_copy import StateCopy
from cvkit.checkpoint.writer import CheckpointWriter


def test_copy_does_not_change_with_the_state(tmp_path):
    """Training goes on in place: tensors, lists and dicts of the state change after the copy was made."""
    state = {"w": torch.ones(3), "rates": [0.1], "nested": {"steps": 1, "m": (torch.zeros(2),)}}
    copy = StateCopy.of(state)
    state["w"].add_(1)
    state["rates"].append(0.2)
    state["nested"]["steps"] = 2
    state["nested"]["m"][0].add_(5)
    read = read_checkpoint(write_checkpoint(tmp_path, 1, copy))
    assert torch.equal(read["w"], torch.ones(3))
    assert torch.equal(read["nested"]["m"][0], torch.zeros(2))
    assert (read["rates"], read["nested"]["steps"]) == ([0.1], 1)


def test_files_of_a_copy_are_those_of_the_state(tmp_path):
    """The same bytes, also of tensors in another order of memory."""
    state = {"w": torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last), "rates": (0.1, float("inf"))}
    folders = [
        write_checkpoint(tmp_path / name, 1, each) for name, each in (("a", state), ("b", StateCopy.of(state)))
    ]
    for name in ("tensors.safetensors", "state.json", "manifest.json"):
        one, other = ((folder / name).read_bytes() for folder in folders)
        assert one == other


def test_value_that_no_checkpoint_can_store_is_refused_at_the_copy():
    """The error comes before training continues, and names the place."""
    with pytest.raises(CheckpointError, match="'optimizer/groups' has the type set"):
        StateCopy.of({"optimizer": {"groups": {1, 2}}})


def test_second_write_waits_for_the_first():
    """At most one is pending, in the order in which they were begun."""
    writer, gate, done = CheckpointWriter(), threading.Event(), []
    writer.begin(lambda: done.append(("first", gate.wait(10))))
    assert writer.busy
    threading.Timer(0.05, gate.set).start()
    writer.begin(lambda: done.append(("second", gate.is_set())))
    assert done[0] == ("first", True)
    assert writer.finish()
    assert done == [("first", True), ("second", True)]
    assert not writer.finish()


def test_error_of_a_write_is_raised_once_where_it_is_waited_for():
    """Also by the next write, which then has not begun."""
    writer, done = CheckpointWriter(), []

    def fail():
        raise CheckpointError("the disk is full")

    writer.begin(fail)
    with pytest.raises(CheckpointError, match="disk is full"):
        writer.begin(lambda: done.append("second"))
    assert not writer.finish()
    assert done == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_process_is_forked_after_the_write():
    """A child, such as a process that loads images, inherits neither locks nor files of the thread."""
    writer, done = CheckpointWriter(), []
    writer.begin(lambda: (time.sleep(0.1), done.append("written")))
    assert in_a_fork(lambda: os._exit(0 if done == ["written"] else 7)) == 0
    writer.finish()


@contextmanager
def sent(signals: int, act: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Send real SIGINTs 0.1 seconds apart, whose handler raises, and call `act` 0.3 seconds after the last one."""

    def handler(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    timers = [threading.Timer(0.1 * (1 + each), os.kill, (os.getpid(), signal.SIGINT)) for each in range(signals)]
    timers.append(threading.Timer(0.1 * signals + 0.3, act))
    before = signal.signal(signal.SIGINT, handler)
    try:
        for timer in timers:
            timer.start()
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for timer in timers:
            timer.join()
        signal.signal(signal.SIGINT, before)


def test_interrupted_wait_is_repeated_until_the_write_has_ended():
    """Before Python 3.13, a thread whose join was interrupted is taken for ended although it is at work."""
    writer, gate, done = CheckpointWriter(), threading.Event(), []
    writer.begin(lambda: (gate.wait(10), done.append("written")))
    with sent(2, gate.set):
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                writer.finish()
            assert writer.busy
            assert writer.pending
        assert writer.finish()
        assert done == ["written"]
    assert not writer.busy
    assert not writer.pending
    assert not writer.finish()


@pytest.mark.parametrize("late", [False, True], ids=["before the thread", "after the thread"])
def test_interrupted_start_writes_all_or_nothing(monkeypatch, late):
    """A signal may come before the thread exists, or when it writes already; `finish` says which."""
    writer, gate, done, start = CheckpointWriter(), threading.Event(), [], threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if late:
            start(thread)
            gate.wait(10)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.begin(lambda: (gate.set(), time.sleep(0.1), done.append("written")))
    assert writer.finish() is late
    assert done == ["written"] * late


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_process_is_forked_after_the_write_although_a_signal_comes():
    """The interruption ends one wait, and the thread must not be at work in a fork."""
    writer, gate, done = CheckpointWriter(), threading.Event(), []
    writer.begin(lambda: (gate.wait(10), done.append("written")))
    with sent(1, gate.set):
        assert in_a_fork(lambda: os._exit(0 if done == ["written"] and not writer.finish() else 7)) == 0
    assert writer.finish()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_process_killed_during_a_write_leaves_the_earlier_checkpoint(tmp_path, monkeypatch):
    """SIGKILL ends the process when the thread has written the tensors."""
    write_checkpoint(tmp_path, 1, {"step": 1, "w": torch.ones(3)})

    def killed(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("tensors.safetensors"):
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        monkeypatch.setattr(os, "fsync", killed)
        writer = CheckpointWriter()
        writer.begin(lambda: write_checkpoint(tmp_path, 2, StateCopy.of({"step": 2, "w": torch.zeros(3)})))
        writer.finish()

    assert in_a_fork(work) == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2  # the incomplete one is there
    state, damaged = read_newest(tmp_path)
    assert state["step"] == 1
    assert damaged == []
