"""Observers that a recipe names: told of every end of a run, checked like every component, and harmless."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from commands import call

import cvkit
from cvkit import Component, Observer, RecipeError, hookimpl
from cvkit.recipe import dump, read_text, resolve

pytestmark = pytest.mark.usefixtures("one_thread", "unrendered")

RECIPE = """\
dataset: {name: shapes, train_size: 40, test_size: 20}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 2, batch_size: 20, workers: 0}
report: {misclassified: 0, augmented: 0}
"""
SEEN = []


class Notes(Observer):
    """Notes what it is called with.

    Args:
        folder: The run folder.
        title: A word.
        fails: The event in which it fails.
    """

    def __init__(self, folder, *, title: str = "notes", fails: str = ""):
        if fails == "factory":
            raise ValueError("title must be a word")
        self.title, self.fails = title, fails

    def note(self, event, *more):
        SEEN.append((self.title, event, *more))
        if event == self.fails:
            raise ZeroDivisionError(f"in {event}")

    def run_started(self, recipe, records):
        self.note("run_started", recipe.name, len(records))

    def epoch_finished(self, record):
        self.note("epoch_finished", record.epoch)

    def run_finished(self, predictions):
        self.note("run_finished", len(predictions.labels))

    def run_ended(self, status, error):
        self.note("run_ended", status, error)


class Plugin:
    @hookimpl
    def cvkit_observers(self):
        yield Component("notes", "acme_observers:Notes", "Notes what happens")
        yield Component("absent", "acme_observers:Notes", "Needs what is missing", requires=("no-such-package>=1",))

    @hookimpl
    def cvkit_run_ended(self, status, error, folder):
        SEEN.append(("hook", status, error))


@pytest.fixture
def host(cvkit_host, monkeypatch):
    """With the plugin, whose module can be imported, and nothing seen."""
    module = ModuleType("acme_observers")
    module.Notes = Notes
    monkeypatch.setitem(sys.modules, "acme_observers", module)
    SEEN.clear()
    cvkit_host.add("acme", Plugin())
    return cvkit_host


def test_events_come_in_order_with_what_each_method_names(host):
    """To the observers in the order of the recipe; the hook of all runs hears the end too."""
    result = host.run(RECIPE + "observers: [{name: notes, title: first}, acme/notes]\n", "name=seen")
    assert result.warnings == []
    first = [event[1:] for event in SEEN if event[0] == "first"]
    assert first == [
        ("run_started", "seen", 0),
        ("epoch_finished", 1),
        ("epoch_finished", 2),
        ("run_finished", 20),
        ("run_ended", "finished", ""),
    ]
    assert [event[1:] for event in SEEN if event[0] == "notes"] == first
    assert [event for event in SEEN if event[0] == "hook"] == [("hook", "finished", "")]
    assert result.recipe.values()["observers.0.title"] == "first"


def test_run_with_observers_has_the_numbers_of_a_run_without(host):
    """To the bit."""
    with_observer = host.run(RECIPE + "observers: [notes]\n").records
    assert [one.step_losses for one in with_observer] == [one.step_losses for one in host.run(RECIPE).records]


def test_error_of_an_observer_is_a_warning_that_names_it(host):
    """The run ends as it would without, and the other observers hear of everything."""
    events = ["factory", "run_started", "epoch_finished", "run_finished", "run_ended"]
    each = "".join(f"  - {{name: notes, title: {event}, fails: {event}}}\n" for event in events)
    result = host.run(RECIPE + f"observers:\n{each}  - notes\n")
    for event in events:
        (line,) = {line for line in result.warnings if event in line or ("title must" in line and event == "factory")}
        assert "observer 'acme/notes'" in line
        assert ("title must be a word" if event == "factory" else f"ZeroDivisionError: in {event}") in line
        assert line in cvkit.RunFolder(result.folder).info()["warnings"]
    assert [event[1] for event in SEEN if event[0] == "notes"] == [
        *("run_started", "epoch_finished", "epoch_finished", "run_finished", "run_ended")
    ]


def test_failed_run_reports_its_error(host):
    """The message that the user sees."""
    with pytest.raises(cvkit.DivergedError) as raised:
        host.run(RECIPE + "observers: [notes]\n", "optimizer.lr=1e30")
    assert SEEN[-2:] == [("hook", "failed", str(raised.value)), ("notes", "run_ended", "failed", str(raised.value))]


def test_recipe_keeps_observers_and_their_options(host):
    """The resolved recipe reads the same again."""
    recipe = resolve(read_text(RECIPE + "observers: [notes]\n"), host.catalog())
    assert "  - name: acme/notes\n    title: notes\n" in dump(recipe)
    assert resolve(read_text(dump(recipe)), host.catalog()) == recipe


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("[{name: notes, titel: x}]", "unknown option 'titel' for observer 'acme/notes'"),
        ("[{name: notes, title: 5}]", "option 'title' for observer 'acme/notes': expected text, got 5"),
        ("[nots]", "unknown observer 'nots'"),
        ("notes", "'observers' must be a list, got 'notes'"),
        ("[absent]", "observer 'acme/absent' from in-process 0 cannot be used: no-such-package>=1 is needed"),
    ],
)
def test_mistake_about_an_observer_is_found_before_the_run(host, written, message):
    """Like a mistake about any component; nothing has run."""
    with pytest.raises(RecipeError, match="observer") as raised:
        host.run(RECIPE + f"observers: {written}\n")
    assert message in str(raised.value)
    assert SEEN == []


def test_interrupted_and_resumed_run(host, tmp_path, monkeypatch):
    """The second session is a new observer, which gets the records of the first."""
    from cvkit.engine.assembly import build_parts
    from cvkit.engine.building import open_located
    from cvkit.runs.execute import execute, noted_end
    from cvkit.runs.folder import RunFolder
    from cvkit.runs.session import Session

    recipe = resolve(read_text(RECIPE + "observers: [notes]\n", ["train.epochs=3"]), host.catalog())
    folder = RunFolder.create(tmp_path, "twice")
    for stops in (True, False):
        session = Session(build_parts(*open_located(recipe, tmp_path)), folder, tmp_path, host.catalog())
        try:
            with noted_end(session):
                for event in execute(session):
                    if stops and isinstance(event, cvkit.EpochRecord) and event.epoch == 2:
                        raise KeyboardInterrupt
        except KeyboardInterrupt:
            assert SEEN[-1] == ("notes", "run_ended", "interrupted", "")
    started = [event[3] for event in SEEN if event[1] == "run_started"]
    epochs = [event[2] for event in SEEN if event[1] == "epoch_finished"]
    assert started == [0, 1]  # the checkpoint was written before the evaluation of the second epoch
    assert epochs == [1, 2, 2, 3]
    assert SEEN[-1] == ("notes", "run_ended", "finished", "")


def test_fault_in_a_run_that_fails_is_reported_once_by_the_command_and_in_python(tmp_path, capsys, caplog):
    """A finished run has it among its warnings."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    plugin = tmp_path / "watching.py"
    plugin.write_text(
        "from cvkit import hookimpl\n\n"
        "@hookimpl\ndef cvkit_run_started(recipe, folder):\n    raise OSError('asleep')\n\n"
        "@hookimpl\ndef cvkit_run_ended(status, error, folder):\n    raise OSError('away')\n"
    )
    place = ("--plugin-path", plugin, "--output", tmp_path / "runs")
    shown = call(capsys, "run", tmp_path / "recipe.yaml", "--set", "optimizer.lr=1e30", *place)
    assert shown.code == 1
    assert [shown.err.count(f"OSError: {word}") for word in ("asleep", "away")] == [1, 1]
    with pytest.raises(cvkit.DivergedError):
        cvkit.train(RECIPE, set={"optimizer.lr": 1e30}, plugins=[plugin], output=tmp_path / "runs", progress=False)
    for word in ("asleep", "away"):
        (line,) = [one for one in caplog.records if f"OSError: {word}" in one.getMessage()]
        assert line.levelname == "WARNING"


def test_list_shows_observers(capsys):
    """By their kind."""
    shown = call(capsys, "list", "observers").out
    assert "wandb/wandb" in shown
    assert "mlflow/mlflow" in shown
