"""Phases: named by the code that works, shown by whoever watches, and free without a watcher."""

from __future__ import annotations

import os
import threading

import pytest

from cvkit.phases import Phase, advance, phase, watched_by


class Recorder:
    """Keeps the phases that begin and end."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, int]] = []

    def begin(self, phase: Phase) -> None:
        self.events.append(("begin", phase.name, phase.done))

    def end(self, phase: Phase) -> None:
        self.events.append(("end", phase.name, phase.done))


def test_phases_are_shown_in_the_order_in_which_they_begin_and_end():
    """The inner one ends first, with what it has counted."""
    recorder = Recorder()
    with watched_by(recorder), phase("outer", 10, first=4) as outer:
        with phase("inner", noun="step"):
            advance()
            advance(2)
        outer.advance(5)
    assert recorder.events == [
        ("begin", "outer", 4),
        ("begin", "inner", 0),
        ("end", "inner", 3),
        ("end", "outer", 9),
    ]


def test_a_phase_that_fails_ends():
    """So nothing keeps moving below the message of the error."""
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError), watched_by(recorder), phase("dividing"):
        raise ZeroDivisionError
    assert [event[0] for event in recorder.events] == ["begin", "end"]


def test_nothing_is_shown_without_a_watcher():
    """A library that is used from Python names its phases too."""
    with phase("working", 3) as begun:
        begun.advance()
        advance()
    assert not begun.shown
    assert begun.done == 1


def test_the_watcher_is_gone_after_its_block():
    """Also if another one watched before."""
    recorder, inner = Recorder(), Recorder()
    with watched_by(recorder):
        with watched_by(inner), phase("first"):
            pass
        with phase("second"):
            pass
    with phase("third"):
        pass
    assert [name for _, name, _ in inner.events] == ["first", "first"]
    assert [name for _, name, _ in recorder.events] == ["second", "second"]


def test_other_threads_have_no_phases():
    """Their phases would end in another order than they began."""
    recorder = Recorder()

    def work() -> None:
        with phase("beside"):
            advance()

    with watched_by(recorder), phase("main") as begun:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert [name for _, name, _ in recorder.events] == ["main", "main"]
    assert begun.done == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_process_has_no_phases():
    """The terminal belongs to its parent, whose phase it leaves alone."""
    recorder = Recorder()
    with watched_by(recorder), phase("parent"):
        child = os.fork()
        if child == 0:
            with phase("child"):
                advance()
            os._exit(len(recorder.events))
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert [name for _, name, _ in recorder.events] == ["parent", "parent"]


def test_the_rest_is_estimated_from_what_was_done_since_the_beginning():
    """Steps of an earlier session took no time in this one."""
    begun = Phase("training", 100, done=40, first=20, began=1000.0)
    assert begun.seconds_left(1010.0) == pytest.approx(30.0)
    assert Phase("training", 100, done=20, first=20, began=1000.0).seconds_left(1010.0) is None
    assert Phase("tuning", None, done=20, began=1000.0).seconds_left(1010.0) is None
    assert Phase("evaluating", 10, done=12, began=1000.0).seconds_left(1010.0) == 0
