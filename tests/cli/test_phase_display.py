"""The phases of a command on a terminal: what is drawn at which width, and where nothing is drawn."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import threading
import time

import pytest
from rich.console import Console
from rich.file_proxy import FileProxy
from rich.spinner import Spinner

from cvkit.cli import terminal
from cvkit.cli.phase_display import PhaseDisplay, _Lines, _StandardError, count_of, fitting, time_of
from cvkit.phases import Phase, phase


def drawn(*phases: Phase, width: int) -> list[str]:
    """Return the lines of phases on a terminal of that width, without their colours."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(_Lines([*phases], Spinner("dots"), []))
    return console.file.getvalue().splitlines()


def training(**changes: object) -> Phase:
    """Return a training at step 40 of 69, ten seconds after its beginning."""
    details = ("loss 2.089", "acc 34.1 %", "lr 0.0123", "618 images/s")
    values = {"total": 69, "noun": "step", "done": 40, "details": details, "began": time.monotonic() - 10}
    return Phase("training, epoch 2/3", **(values | changes))


def test_training_shows_bar_count_times_and_measurements():
    """With the words that say which time is which."""
    first, second = drawn(training(), width=100)
    assert "training, epoch 2/3" in first
    assert "━" in first
    assert "40/69" in first
    assert "0:10 elapsed, ETA 0:07" in first
    assert second.split("  ") == ["", "loss 2.089", "acc 34.1 %", "lr 0.0123", "618 images/s"]


@pytest.mark.parametrize("width", [1, 10, 20, 40, 60, 80, 120, 300])
def test_no_line_is_wider_than_the_terminal(width):
    """Four columns stay free for the ``^C`` that terminals write; wider lines would leave pieces behind."""
    inner = Phase("evaluating", 10_000, done=1_000)
    for line in drawn(training(), inner, width=width):
        assert len(line) <= max(1, width - 4)


def test_a_narrow_terminal_keeps_what_matters():
    """Name and count stay, and of the measurements the loss."""
    first, second = drawn(training(), width=40)
    assert "training, epoch 2/3" in first
    assert "40/69" in first
    assert "loss 2.089" in second
    assert "images/s" not in second


def test_only_counted_phases_and_the_innermost_one_are_drawn():
    """What was done before is not repeated while something within it goes on."""
    outer, inner = Phase("analysing the results"), Phase("computing maps: grad_cam", 8, done=2)
    (line,) = drawn(outer, inner, width=80)
    assert "computing maps" in line
    assert len(drawn(training(details=()), inner, width=80)) == 2
    assert "analysing" in drawn(outer, width=80)[0]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (Phase("tuning", noun="step"), ""),
        (Phase("tuning", noun="step", done=1), "1 step"),
        (Phase("tuning", noun="step", done=1234), "1,234 steps"),
        (Phase("evaluating", 10_000, done=500), "500/10,000"),
        (Phase("Downloading", 170_500_000, "byte", 12_500_000), "12.5/170.5 MB"),
        (Phase("Downloading", None, "byte", 12_500_000), "12.5 MB"),
        (Phase("Decoding", None, "byte"), ""),
    ],
)
def test_counts_have_their_unit(made, text):
    """Bytes are megabytes; without a total there is the number so far."""
    assert count_of(made) == text


def test_times_are_shown_after_a_second():
    """Shorter phases would only flicker."""
    assert time_of(Phase("opening", began=100.0), 100.5) == ""
    assert time_of(Phase("opening", began=100.0), 165.0) == "1:05 elapsed"
    assert time_of(Phase("training", 10, done=1, began=0.0), 600.0) == "10:00 elapsed, ETA 1:30:00"


def test_texts_that_do_not_fit_are_left_out_from_the_end():
    """None is cut."""
    assert fitting(("abc", "defg", "h"), 9) == ["abc", "defg"]
    assert fitting(("abcdef", "g"), 5) == []


def test_names_from_outside_cannot_steer_the_terminal():
    """A file name in a phase is escaped."""
    (line,) = drawn(Phase("reading \x1b[2J"), width=80)
    assert "\x1b[2J" not in line


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def streams(monkeypatch):
    """Return a function that replaces the standard streams."""

    def replace(out: io.StringIO, err: io.StringIO) -> None:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)

    return replace


def test_what_is_written_meanwhile_appears_whole_above_the_phases(streams):
    """Lines are not wrapped, so that a path can be copied; nothing is drawn at the end."""
    out = Terminal()
    streams(out, Terminal())
    line = "a" * 300
    with terminal.drawn_phases():
        terminal.echo(line)
        terminal.echo("bad", err=True, label="warning:", colour="yellow")
    assert line + "\n" in out.getvalue()
    assert "bad" in out.getvalue()
    before = out.getvalue()
    terminal.echo("after")
    assert out.getvalue() == before + "after\n"


def test_phases_are_drawn_on_standard_error_if_the_output_is_a_file(streams):
    """The file gets the lines and nothing else."""
    out, err = io.StringIO(), Terminal()
    streams(out, err)
    with terminal.drawn_phases(), phase("evaluating", 5):
        terminal.echo("line")
        time.sleep(0.5)
    assert out.getvalue() == "line\n"
    assert "evaluating" in err.getvalue()


@pytest.mark.parametrize("kind", ["dumb", "unknown"])
def test_a_terminal_that_cannot_redraw_gets_lines_only(streams, monkeypatch, kind):
    """As an editor's shell."""
    out, err = Terminal(), Terminal()
    streams(out, err)
    monkeypatch.setenv("TERM", kind)
    with terminal.drawn_phases(), phase("evaluating", 5):
        terminal.echo("line")
        time.sleep(0.3)
    assert out.getvalue() == "line\n"
    assert err.getvalue() == ""


def test_no_colours_are_drawn_if_they_are_not_wanted(streams, monkeypatch):
    """``NO_COLOR`` leaves the bar, whose movements are no colours."""
    out = Terminal()
    streams(out, Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    with terminal.drawn_phases(), phase("evaluating", 5):
        terminal.echo("bad", label="warning:", colour="yellow")
        time.sleep(0.5)
    assert "evaluating" in out.getvalue()
    assert "\x1b[3" not in out.getvalue()


def test_a_pipe_to_another_program_gets_no_phases_beside_it():
    """`tee` writes to the same terminal, in the middle of a line that is being drawn."""
    script = (
        "import sys; from cvkit.cli import terminal; sys.stderr.isatty = lambda: True\n"
        "with terminal.drawn_phases():\n"
        "    import time; time.sleep(0.6)\n"
    )
    environment = {**os.environ, "TERM": "xterm"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_line_of_a_signal_handler_waits_for_no_lock(streams):
    """The interrupted code may hold the locks of the drawing, so the line is drawn with the phases."""
    out = Terminal()
    streams(out, Terminal())
    with terminal.drawn_phases():
        lock = terminal._Drawing.display._live._lock
        telling = threading.Thread(target=terminal.echo_after_signal, args=("finishing the step",), daemon=True)
        with lock:
            telling.start()
            telling.join(5)
            assert not telling.is_alive()
        time.sleep(0.5)
    assert "finishing the step" in out.getvalue()


def test_bar_of_a_library_is_one_line_that_moves():
    """As of a download of weights: what is drawn with carriage returns would otherwise stay, ten lines a second."""
    written, shown = io.StringIO(), []
    stream = _StandardError(Console(file=written), written, shown.append)
    for text in ("\rmodel: 7 %", "\rmodel: 90 %", "\n", "a warning\n"):
        stream.write(text)
        stream.flush()
    assert shown == ["model: 7 %", "model: 90 %", ""]
    assert written.getvalue() == "a warning\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_process_writes_without_the_display(streams):
    """A worker that prints would otherwise wait for a lock that a thread of its parent held."""
    streams(Terminal(), Terminal())
    display = PhaseDisplay(terminal.console(), out=True, err=True)
    begun = Phase("loading")
    display.begin(begun)
    replaced = isinstance(sys.stdout, FileProxy)
    child = os.fork()
    if child == 0:
        os._exit(isinstance(sys.stdout, FileProxy) or isinstance(sys.stderr, FileProxy))
    _, status = os.waitpid(child, 0)
    assert display.end(begun)
    assert replaced
    assert status == 0


def test_phases_are_drawn_while_a_library_is_silenced(monkeypatch):
    """Exporters replace sys.stdout for a while; the terminal still moves."""
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stdout", shown)
    display = PhaseDisplay(Console(width=80, force_terminal=True, color_system=None), True, False)
    with contextlib.redirect_stdout(io.StringIO()):
        begun = Phase("exporting to onnx")
        display.begin(begun)
        display.end(begun)
    assert "exporting to onnx" in shown.getvalue()
