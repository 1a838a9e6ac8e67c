"""Checkpoints are written while the run continues, and whoever ends it waits for the one that is being written."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from cvkit import CheckpointError, DivergedError
from cvkit.engine.assembly import build_parts
from cvkit.engine.trainer import Step
from cvkit.host.discovery import discover
from cvkit.recipe import read, resolve
from cvkit.runs.execute import noted_end
from cvkit.runs.folder import RunFolder
from cvkit.runs.lines import stopped_line
from cvkit.runs.session import Session
from cvkit.runs.signals import Interrupted

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def session(recipe, tmp_path) -> Session:
    """A started session of the small recipe, which saves after every third step, in a new folder."""
    catalog = discover()
    resolved = resolve(read(recipe), catalog)
    folder = RunFolder.create(tmp_path, "small")
    made = Session(build_parts(resolved, resolved.dataset.build(tmp_path)), folder, tmp_path, catalog)
    made.start()
    return made


@pytest.fixture
def disk(monkeypatch) -> Iterator[Disk]:
    """The disk, which can be made to wait or to be full when the tensors of a checkpoint are written."""
    made = Disk(os.fsync)
    monkeypatch.setattr(os, "fsync", made)
    yield made
    made.gate.set()


class Disk:
    """Replaces ``os.fsync``."""

    def __init__(self, real) -> None:
        self.real, self.gate, self.full = real, threading.Event(), False
        self.gate.set()

    def __call__(self, descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("tensors.safetensors"):
            self.gate.wait(20)
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.real(descriptor)


def up_to(session: Session, step: int) -> Iterator[object]:
    """Train up to a step; return the events that follow."""
    events = session.train()
    next(event for event in events if isinstance(event, Step) and event.step == step)
    return events


def end(session: Session, error: BaseException, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Raise an error while the checkpoint of step 3 is written, after a call of `meanwhile`."""
    with noted_end(session):
        up_to(session, 3)
        meanwhile()
        raise error


def saved_step(folder: Path) -> int:
    state, damaged = RunFolder(folder).newest_state()
    assert damaged == []
    return 0 if state is None else state["step"]


def test_training_continues_while_a_checkpoint_is_written(session, disk):
    """The checkpoint contains the step after which it was begun, although later steps changed the weights."""
    disk.gate.clear()
    events = up_to(session, 3)
    then = {name: tensor.clone() for name, tensor in session.trainer.state()["model"].items()}
    next(events)
    next(events)
    assert session.step == 5
    assert saved_step(session.folder.path) == 0
    disk.gate.set()
    session.finish_saving()
    state, _ = session.folder.newest_state()
    assert state["step"] == 3
    assert all(torch.equal(state["model"][name], tensor) for name, tensor in then.items())
    assert session.folder.info()["trained"]


def test_run_says_that_it_was_trained_only_after_its_first_checkpoint(session, disk):
    """A run killed before that starts again, so its run.json must not say that checkpoints are missing."""
    disk.gate.clear()
    events = up_to(session, 3)
    next(events)
    assert "trained" not in session.folder.info()
    disk.gate.set()
    session.finish_saving()
    assert session.folder.info()["trained"]


def test_epoch_is_recorded_after_its_checkpoint_is_written(session, disk):
    """A kill between the two would leave a record whose training is lost."""
    disk.gate.clear()
    events = up_to(session, 2)
    threading.Timer(0.3, disk.gate.set).start()
    while not (session.folder.path / "metrics.jsonl").read_text():
        next(events)
    assert saved_step(session.folder.path) == 8


def test_full_disk_ends_the_run_at_the_next_step(session, disk, wording):
    """With the error of a checkpoint, and the earlier checkpoint is there to go on with."""
    events = up_to(session, 5)
    session.finish_saving()
    disk.full = True
    next(events)  # step 6, which is saved
    while session._saving.busy:
        time.sleep(0.01)
    with pytest.raises(CheckpointError) as caught:
        next(events)
    assert session.step == 7
    assert not session.saved
    assert str(caught.value).replace(str(session.folder.path), "<run>") == wording
    assert saved_step(session.folder.path) == 3


def test_full_disk_at_the_last_checkpoint_ends_the_run(session, disk):
    """Nothing after it would notice."""
    events = up_to(session, 24)
    disk.full = True
    with pytest.raises(CheckpointError, match="No space left"):
        list(events)
    assert not session.saved


def test_interruption_waits_for_the_checkpoint(session, disk):
    """The first signal: the step that the run reports as saved is on the disk when the folder is unlocked."""
    disk.gate.clear()
    with pytest.raises(Interrupted):
        end(session, Interrupted(2), threading.Timer(0.1, disk.gate.set).start)
    assert saved_step(session.folder.path) == 3
    assert session.folder.info()["status"] == "interrupted"


def test_second_signal_does_not_wait(session, disk):
    """As for a disk that does not respond; the incomplete checkpoint is never used."""
    disk.gate.clear()
    with pytest.raises(Interrupted):
        end(session, Interrupted(2, at_once=True))
    assert saved_step(session.folder.path) == 0


def test_full_disk_is_the_reason_if_an_interrupted_run_is_not_saved(session, disk):
    """The command must not report that the step was saved."""
    disk.gate.clear()
    disk.full = True
    with pytest.raises(CheckpointError):
        end(session, Interrupted(2), disk.gate.set)
    assert not session.saved


def test_full_disk_does_not_hide_why_the_run_ended(session, disk):
    """The loss was not finite, which a note about the checkpoint does not replace; run.json has the reason too."""
    disk.gate.clear()
    disk.full = True
    with pytest.raises(DivergedError, match="not finite") as caught:
        end(session, DivergedError("the loss is not finite"), disk.gate.set)
    (note,) = caught.value.__notes__
    assert "could not write the checkpoint of step 3" in note
    assert not session.saved
    info = session.folder.info()
    assert (info["status"], info["error"]) == ("failed", "the loss is not finite")


def interrupt_a_wait(session: Session, disk: Disk, *, at_once: bool) -> None:
    """Interrupt a session by a real signal while it waits for the checkpoint of an epoch, and end it."""

    def handler(number: int, frame: object) -> None:
        raise Interrupted(number, at_once=at_once)

    timer, before = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)), signal.signal(signal.SIGINT, handler)
    try:
        with noted_end(session):
            events = up_to(session, 7)
            session.finish_saving()
            disk.gate.clear()
            next(events)
            timer.start()
            next(events)  # the record of the epoch waits for the checkpoint of step 8
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_run_is_saved_if_the_wait_was_interrupted_once(session, disk):
    """The run waits again before it ends, and says that it saved."""
    threading.Timer(4, disk.gate.set).start()
    with pytest.raises(Interrupted):
        interrupt_a_wait(session, disk, at_once=False)
    assert session.saved
    assert saved_step(session.folder.path) == 8
    assert stopped_line(session).startswith("stopped and saved after step 8;")


def test_run_does_not_say_that_it_is_saved_if_nothing_waited(session, disk):
    """A second signal ends the run although its checkpoint may never be complete."""
    with pytest.raises(Interrupted):
        interrupt_a_wait(session, disk, at_once=True)
    assert "saved" not in stopped_line(session)


def test_stopped_run_is_saved_when_it_returns(session, disk):
    """As a search does that prunes a trial."""
    threading.Timer(0.1, disk.gate.set).start()
    disk.gate.clear()
    events = up_to(session, 4)
    session.stop = True
    with suppress(StopIteration):
        next(events)
    assert session.saved
    assert saved_step(session.folder.path) == session.step
