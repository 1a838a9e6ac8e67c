"""However a run ends, run.json records it, cvkit prints how to continue, and no trained step is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = '''
"""A model, a tuner and an explainer to which something happens: $TROUBLE says at what, $HAPPENS what, as code."""

import os

import torch
from torch import nn

from cvkit import Component, Proposal, hookimpl

ran = {"folder": None, "times": 0}


def reach(place):
    if ran["folder"] is not None and os.environ.get("TROUBLE") == place:
        ran["times"] += 1
        exec(os.environ["HAPPENS"], {"folder": ran["folder"], "times": ran["times"]})


@hookimpl
def cvkit_models():
    yield Component("linear", "troubled:Linear", "One layer")


@hookimpl
def cvkit_tuners():
    yield Component("tuner", "troubled:tune", "One rate")


@hookimpl
def cvkit_explainers():
    yield Component("flat", "troubled:Flat", "The same everywhere")


@hookimpl
def cvkit_run_started(recipe, folder):
    ran.update(folder=folder, times=0)


class Linear(nn.Module):
    def __init__(self, info):
        super().__init__()
        self.layer = nn.Linear(info.channels * info.height * info.width, info.num_classes)

    def forward(self, images):
        if ran["folder"] is not None:
            reach("training" if self.training else "evaluating")
        return self.layer(images.flatten(1))


def tune(run):
    reach("tuning")
    return Proposal(0.05, "as always", "One rate")


class Flat:
    def __init__(self, model):
        self.model = model

    def __call__(self, images, targets):
        reach("reporting")
        return torch.rand_like(images[:, 0])
'''
RECIPE = """\
name: mine
dataset: {name: shapes, train_size: 32, test_size: 20}
model: troubled/linear
optimizer: {name: sgd, lr: auto}
tuners: [{name: troubled/tuner, set: optimizer.lr}]
train: {epochs: 2, batch_size: 16, device: cpu}
report: {misclassified: 1, augmented: 0}
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "troubled.py"
    path.write_text(PLUGIN)
    yield path
    sys.modules.pop("troubled", None)
    sys.path[:] = [entry for entry in sys.path if entry != str(path.parent)]


@pytest.fixture(autouse=True)
def signals_that_are_not_ignored():
    """As in a terminal: whoever runs the tests may have them ignored, as `nohup` and a shell's background do."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def work(cvkit, write, plugin, monkeypatch, one_thread):
    """Run the recipe, or go on with a run, while something happens at a place; returns the answer and the folder."""
    write(RECIPE)

    def work(place: str = "", happens: str = "", resume: Path | None = None, *more: str):
        monkeypatch.setenv("TROUBLE", place)
        monkeypatch.setenv("HAPPENS", happens)
        if "troubled" in sys.modules:
            sys.modules["troubled"].ran["folder"] = None
        what = ["run", "recipe.yaml"] if resume is None else ["resume", resume]
        if place == "reporting":
            what += ["--set", "explainers=[troubled/flat]"]
        answer = cvkit(*what, "--plugin-path", plugin, *more)
        (folder,) = Path("runs").iterdir()
        return answer, folder.absolute()

    return work


def status(folder: Path) -> str:
    return json.loads((folder / "run.json").read_text())["status"]


def without(folder: Path, text: str) -> str:
    """Write the folder of a run, whose name holds the time, as ``<folder>``."""
    return text.replace(str(folder), "<folder>")


def kill(number: int) -> str:
    return f"import os; os.kill(os.getpid(), {int(number)})"


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("tuning", signal.SIGINT),
        ("tuning", signal.SIGTERM),
        ("training", signal.SIGTERM),
        ("training", signal.SIGHUP),
        ("evaluating", signal.SIGHUP),
        ("reporting", signal.SIGTERM),
    ],
)
def test_signal_interrupts_a_run_wherever_it_is(work, place, number):
    """The exit code is the signal's, and the run can be continued."""
    answer, folder = work(place, kill(number))
    assert answer.code == 128 + number, answer.err
    assert f"cvkit resume {folder}" in answer.err
    assert status(folder) == "interrupted"


def test_interrupted_run_goes_on_to_its_report(work):
    """With every epoch's record once."""
    _, folder = work("training", kill(signal.SIGTERM))
    answer, _ = work(resume=folder)
    assert answer.code == 0, answer.err
    assert status(folder) == "finished"
    assert [json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").read_text().splitlines()] == [1, 2]


def test_second_signal_does_not_wait_for_the_step(work, wording):
    """The first one asks for the step to be finished; both come in its midst."""
    answer, folder = work("training", f"{kill(signal.SIGINT)}; {kill(signal.SIGINT)}; raise RuntimeError('went on')")
    assert answer.code == 130
    assert "went on" not in answer.err
    assert without(folder, answer.err) == wording
    assert status(folder) == "interrupted"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_signal_that_comes_where_python_ignores_errors_ends_the_run(work):
    """As within a `__del__`, or a callback at a fork: what the handler raises there is lost."""
    in_a_del = f"type('Gone', (), {{'__del__': lambda gone: [{kill(signal.SIGTERM)[11:]}, *range(3)]}})()"
    answer, folder = work("evaluating", f"import os; times == 1 and {in_a_del}")
    assert answer.code == 128 + signal.SIGTERM
    assert status(folder) == "interrupted"
    assert [json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").read_text().splitlines()] == [1]


def test_signal_that_was_ignored_at_the_start_stays_ignored(work):
    """`nohup` ignores SIGHUP, a shell SIGINT for what it runs in the background."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        answer, folder = work("training", kill(signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert answer.code == 0, answer.err
    assert status(folder) == "finished"


@pytest.mark.parametrize(
    ("place", "happens"),
    [
        ("tuning", "raise MemoryError"),
        ("training", "raise OSError(28, 'No space left on device')"),
        ("evaluating", "raise OSError(24, 'Too many open files')"),
    ],
    ids=["memory", "disk", "files"],
)
def test_what_the_machine_lacks_interrupts_a_run(work, wording, place, happens):
    """In one sentence; a loop of `cvkit run --resume` goes on with it, where it would begin a failed one again."""
    answer, folder = work(place, happens)
    assert answer.code == 1
    error, way = answer.err.splitlines()[-2:]
    assert error == wording(name=f"{place}")
    assert f"cvkit resume {folder}" in way
    assert without(folder, way) == wording(name="way")
    assert "Traceback" not in answer.err
    assert status(folder) == "interrupted"


def test_mistake_of_a_component_fails_a_run_and_says_how_to_go_on(work, wording):
    """Once it is mended: started again as it is, it would fail again."""
    answer, folder = work("training", "if times > 1: raise ValueError('no such thing')")
    assert answer.code == 1
    way = answer.err.splitlines()[-1]
    assert f"cvkit resume {folder}" in way
    assert without(folder, way) == wording
    assert status(folder) == "failed"
    answer, _ = work(resume=folder)
    assert answer.code == 0, answer.err


def test_run_that_cannot_note_how_it_ended_tells_the_first_error(work, wording):
    """What cannot be written is the reason: a disk that is full."""
    happens = (
        "import os; os.rename(folder / 'run.json', folder / 'was'); (folder / 'run.json').mkdir(); raise MemoryError"
    )
    answer, folder = work("training", happens)
    assert answer.code == 1
    assert without(folder, answer.err) == wording
    assert "Traceback" not in answer.err


def test_report_that_is_gone_is_made_again(work):
    """Of a finished run: evaluated, diagnosed and written, not trained."""
    _, folder = work()
    before = (folder / "metrics.jsonl").read_bytes()
    (folder / "report.html").unlink()
    answer, _ = work(resume=folder)
    assert answer.code == 0, answer.err
    assert str(folder / "report.html") in answer.out.splitlines()[-1]
    assert (folder / "report.html").stat().st_size > 1000
    assert (folder / "metrics.jsonl").read_bytes() == before
    assert status(folder) == "finished"


def in_a_shell(text: str, **options) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which $CVKIT is the command."""
    variables = {**os.environ, "CVKIT": f"{sys.executable} -m cvkit", "OMP_NUM_THREADS": "1"}
    return subprocess.run(["sh", "-c", text], capture_output=True, text=True, env=variables, timeout=300, **options)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_interrupts_a_run_and_loses_no_step(write, plugin, wording):
    """A file on a full disk: one line, and how to go on."""
    write(RECIPE)
    done = in_a_shell(f"$CVKIT run recipe.yaml --plugin-path {plugin} > /dev/full")
    assert done.returncode == 1
    told, *more = done.stderr.splitlines()
    assert "No space left on device" in told
    assert told == wording
    assert len(more) <= 1


def test_output_closed_from_the_beginning_is_no_obstacle(write, plugin):
    """`>&-`: nobody reads it, and no file of the run takes its place."""
    write(RECIPE)
    done = in_a_shell(f"$CVKIT run recipe.yaml --plugin-path {plugin} >&- <&-")
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = Path("runs").iterdir()
    assert status(folder) == "finished"
