"""Run folders as a stranger might make them, and what the commands do with each: the means of an attack, one by one.

`VARIANTS` are the ways to spoil a folder, by name. `attempt` spoils a copy of a run and calls a command on it, in a
process of its own; the `Outcome` says what came of it.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import io
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from cvkit.engine.assembly import build_parts

RECIPE = """\
name: small
dataset: {name: shapes, train_size: 32, test_size: 16}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, momentum: 0.9}
scheduler: {name: one_cycle, max_lr: 0.1, peak_fraction: 0.4}
train: {epochs: 2, batch_size: 8, checkpoint_every: 2}
report: {misclassified: 1, augmented: 0}
"""
SECRET = b"a secret of this machine, which no page may show"
COMMANDS = {
    "explain": ("--count", "2", "--output", "explanations"),
    "resume": (),
    "extend": ("--epochs", "3", "--schedule", "hold"),
}
LOADED = (
    *("cvkit.cli.explain", "cvkit.cli.extend", "cvkit.cli.resume"),
    *("cvkit.explain.job", "cvkit.explain.image_source", "cvkit.runs.load"),
    *("cvkit_gradcam.grad_cam", "cvkit_tensorboard.log"),
)
LONGEST = 90  # seconds that a command may take, which is many times what it takes
_TRACEBACK = 70
_ENDS = {1: "refused", 2: "refused", _TRACEBACK: "traceback", -signal.SIGALRM: "hang"}

Spoil = Callable[[Path, Path], None]
"""Spoils the run folder, the first; the second is a folder outside, which holds what must not be touched."""

VARIANTS: dict[str, Spoil] = {}


def _variant(name: str, spoil: Spoil) -> None:
    assert name not in VARIANTS, name
    VARIANTS[name] = spoil


def build_run(parent: Path) -> Path:
    """Return the folder of a run under `parent` that was stopped within its second epoch; takes about a second.

    What the commands need is loaded meanwhile, once for all forks.
    """
    for module in LOADED:
        importlib.import_module(module)

    from cvkit.host.discovery import discover
    from cvkit.recipe import read_text, resolve
    from cvkit.runs.folder import RunFolder
    from cvkit.runs.session import Session

    catalog = discover()
    recipe = resolve(read_text(RECIPE), catalog)
    folder = RunFolder.create(parent, "small")
    session = Session(build_parts(recipe, recipe.dataset.build(parent)), folder, parent, catalog)
    session.start()
    for _ in session.train():
        session.stop = session.step == 6
    folder.write_tuning([tuned()])
    state, _ = folder.newest_state()
    assert state is not None
    state["kept"]["tuning"] = [tuned()]
    folder.save(session.step, state)
    path = folder.path
    (path / "figures").mkdir()
    (path / "figures" / "tuning_1_test.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (path / "figures" / "tuning_1_test.png").write_bytes(PNG)
    (path / ".lock").unlink(missing_ok=True)
    return path


PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")


def tuned(**other: Any) -> dict[str, Any]:
    """Return an entry of tuning.json, with some values in place of its own."""
    entry = {
        "tuner": "onecycle/lr_range_test",
        "sets": "scheduler.max_lr",
        "name": "tuning_1_test",
        "title": "A test",
    }
    return entry | {"caption": "", "value": 0.1, "data": {}} | other


@dataclass(frozen=True)
class Outcome:
    """What a command did with a spoilt folder.

    `code`: 0, or 1 or 2 where it refuses, 70 after a traceback, negative where a signal ended it. `output`: what it
    wrote. `harm`: what changed outside, or leaked, in words; empty where nothing did.
    """

    variant: str
    command: str
    code: int
    output: str
    harm: str

    @property
    def how(self) -> str:
        """What became of it: harmful, hang, traceback, killed, refused, told (of something), or same."""
        if self.harm:
            return "harmful"
        if self.code in _ENDS:
            return _ENDS[self.code]
        if self.code < 0:
            return "killed"
        return "told" if self.warnings else "same"

    @property
    def good(self) -> bool:
        """Whether it went on, or refused in words, and did no harm."""
        return self.how in ("refused", "told", "same")

    @property
    def warnings(self) -> set[str]:
        """What it warned of, but for what it warns of with a run that nobody has spoilt."""
        said = {line for line in self.output.splitlines() if line.startswith("warning: ")}
        return {line for line in said if not line.startswith("warning: grad_cam ")}


def attempt(run: Path, place: Path, variant: str, command: str) -> Outcome:
    """Spoil a copy of `run` in the empty folder `place` and call `command` on it."""
    outside, runs = place / "outside", place / "runs"
    folder = runs / run.name
    shutil.copytree(run, folder, symlinks=True)
    _furnish(outside, run)
    VARIANTS[variant](folder, outside)
    before, mine = _seen(outside), _seen(folder)
    output = place / "output.txt"
    code = _in_a_fork(lambda: _call(command, folder), place, output)
    harm = _difference(before, _seen(outside))
    if command == "explain":  # which only reads
        harm += _difference(mine, _seen(folder))
    strangers = {path.name for path in place.iterdir()} - {"outside", "runs", "explanations", "output.txt", "data"}
    strangers |= {path.name for path in runs.iterdir() if not path.name.startswith("small-")}
    harm += [f"made {name}" for name in sorted(strangers)]
    harm += [f"{path} holds the secret" for path in _leaks(place, outside)]
    return Outcome(variant, command, code, output.read_text(errors="replace"), "; ".join(harm))


def attempts(run: Path, place: Path) -> Iterator[Outcome]:
    """Attempt every variant with every command, in folders under `place` that are removed again."""
    for number, (variant, command) in enumerate(product(VARIANTS, COMMANDS)):
        stage = place / str(number)
        stage.mkdir()
        yield attempt(run, stage, variant, command)
        shutil.rmtree(stage, ignore_errors=True)


def _furnish(outside: Path, run: Path) -> None:
    """Put there what an attack would like to read, write or remove."""
    (outside / "folder").mkdir(parents=True)
    (outside / "authorized_keys").write_bytes(b"the owner's key\n")
    (outside / "secret.svg").write_bytes(b"<svg>" + SECRET + b"</svg>")
    (outside / "secret.png").write_bytes(PNG + SECRET)
    (outside / "folder" / ".tmp-work").write_bytes(b"somebody's work")
    (outside / "folder" / "step-00000099").mkdir()
    (outside / "folder" / "step-00000099" / "file").write_bytes(b"somebody's")
    for name in ("run.json", "metrics.jsonl", "tuning.json", "recipe.yaml"):
        shutil.copy(run / name, outside / name)
    shutil.copytree(run / "checkpoints", outside / "checkpoints")
    shutil.copytree(run / "figures", outside / "figures")


def _seen(folder: Path) -> dict[str, Any]:
    """Return what is below a folder: each file's bytes and time of change, each folder, and where links lead."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file():
            small = path.stat().st_size < 1 << 24
            found[str(path)] = (path.read_bytes() if small else path.stat().st_size, path.stat().st_mtime_ns)
        else:
            found[str(path)] = path.stat().st_mode
    return found


def _difference(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [f"changed {path}" for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]


def _leaks(place: Path, outside: Path) -> Iterator[Path]:
    """Yield the files outside of `outside` that hold the secret, as it is or as a page embeds it."""
    marks = [SECRET, *(base64.b64encode((outside / f"secret.{end}").read_bytes()) for end in ("svg", "png"))]
    for path in place.rglob("*"):
        ours = path.is_file() and not path.is_symlink() and outside not in path.parents
        if ours and path.stat().st_size < 1 << 24 and any(mark in path.read_bytes() for mark in marks):
            yield path


def _call(command: str, folder: Path) -> int:
    """Call the command line in this process; return its exit code, or 70 where an error escapes it."""
    from cvkit.cli import main

    sys.argv = ["cvkit", command, str(folder), *COMMANDS[command]]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        return _TRACEBACK
    return 0


def _in_a_fork(work: Callable[[], int], place: Path, output: Path) -> int:
    """Do `work` in a child process in the folder `place`, its output in a file, and return its exit code.

    torch, which this process has loaded, need not be loaded again.
    """
    child = os.fork()
    if child == 0:
        code = _TRACEBACK
        try:
            signal.alarm(LONGEST)
            torch.set_num_threads(1)
            os.chdir(place)
            os.environ["CVKIT_DATA"] = str(place / "data")
            _hurry()
            written = io.StringIO()
            with redirect_stdout(written), redirect_stderr(written):
                code = work()
            output.write_text(written.getvalue(), errors="replace")
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if not output.exists():
        output.write_text("")
    return os.waitstatus_to_exitcode(status)


def _hurry() -> None:
    """Leave out what takes most of the time of a short run: drawing figures, and waiting for the disk."""
    from cvkit.figures import style
    from cvkit.figures.artifacts import Figure

    def draw(name: str, title: str, caption: str, paint: object, **_: Any) -> Figure:
        return Figure(name, title, caption, '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>', PNG)

    for module in [module for name, module in sys.modules.items() if name.startswith("cvkit")]:
        if getattr(module, "draw", None) is style.render_figure and module is not style:
            module.draw = draw
    style.render_figure = draw
    os.fsync = lambda descriptor: None


# -- links ---------------------------------------------------------------------------------------------------------


def _link(name: str, target: str) -> Spoil:
    def spoil(folder: Path, outside: Path) -> None:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(target if target.startswith("/") else outside / target)

    return spoil


def _newest(folder: Path) -> Path:
    return max((folder / "checkpoints").iterdir())


def _in_newest(name: str, spoil: Callable[[Path, Path], None]) -> Spoil:
    return lambda folder, outside: spoil(_newest(folder) / name, outside)


def _link_in_place(path: Path, outside: Path) -> None:
    there = outside / "checkpoints" / path.parent.name / path.name
    path.unlink()
    path.symlink_to(there)


WRITTEN = ("report.html", "run.json", "metrics.jsonl", "predictions.csv", "recipe.yaml", "tuning.json")
READ = ("run.json", "metrics.jsonl", "recipe.yaml", "tuning.json")
OF_CHECKPOINT = ("tensors.safetensors", "state.json", "manifest.json")

for _name in WRITTEN:
    _variant(f"temporary of {_name} is a link to a key file", _link(f".tmp-{_name}", "authorized_keys"))
for _name in READ:
    _variant(f"{_name} is a link to another run's", _link(_name, _name))
for _name in ("report.html", "predictions.csv", ".lock"):
    _variant(f"{_name} is a link to a key file", _link(_name, "authorized_keys"))
for _name in ("metrics.jsonl", ".lock", "report.html"):
    _variant(f"{_name} is a link to where nothing is", _link(_name, "new"))
for _name in ("checkpoints", "figures", "tensorboard"):
    _variant(f"{_name} is a link to somebody's folder", _link(_name, "folder"))
_variant("checkpoints is a link to another run's", _link("checkpoints", "checkpoints"))
_variant("figures is a link to another run's", _link("figures", "figures"))
_variant("misclassified is a link", _link("figures/misclassified", "folder"))
_variant("a checkpoint is a link", _link("checkpoints/step-00000007", "folder/step-00000099"))
_variant("a checkpoint of later is a link", _link("checkpoints/step-00000008", "folder/step-00000099"))
_variant("an unfinished checkpoint is a link", _link("checkpoints/.tmp-step-00000008", "folder"))
_variant("an event file is a link", _link("tensorboard/events.out.tfevents.999999.cvkit", "authorized_keys"))
_variant("a figure is a link to a secret", _link("figures/tuning_1_test.svg", "secret.svg"))
_variant("a picture is a link to a secret", _link("figures/tuning_1_test.png", "secret.png"))
for _name in OF_CHECKPOINT:
    _variant(f"{_name} is a link", _in_newest(_name, _link_in_place))


def _hard_link(name: str) -> Spoil:
    def spoil(folder: Path, outside: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.link(outside / "authorized_keys", folder / name)

    return spoil


for _name in ("metrics.jsonl", ".lock"):
    _variant(f"{_name} is a hard link", _hard_link(_name))


# -- pipes, devices, sizes, folders --------------------------------------------------------------------------------


def _pipe(path: Path, outside: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _sparse(size: int) -> Callable[[Path, Path], None]:
    def spoil(path: Path, outside: Path) -> None:
        with path.open("r+b") as file:
            file.truncate(size)

    return spoil


def _folder(path: Path, outside: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def _at(name: str, spoil: Callable[[Path, Path], None]) -> Spoil:
    return lambda folder, outside: spoil(folder / name, outside)


for _name in (*READ, ".lock", "figures/tuning_1_test.svg", "report.html"):
    _variant(f"{_name} is a pipe", _at(_name, _pipe))
for _name in OF_CHECKPOINT:
    _variant(f"{_name} is a pipe", _in_newest(_name, _pipe))
    _variant(f"{_name} is a folder", _in_newest(_name, _folder))
for _name in (*READ, "figures/tuning_1_test.png"):
    _variant(f"{_name} is a device", _link(_name, "/dev/zero"))
    _variant(f"{_name} is huge", _at(_name, _sparse(1 << 40)))
for _name in ("state.json", "manifest.json", "tensors.safetensors"):
    _variant(f"{_name} is huge", _in_newest(_name, _sparse(1 << 40)))
for _name in (*READ, "report.html", ".lock", "figures/tuning_1_test.svg"):
    _variant(f"{_name} is a folder", _at(_name, _folder))
for _name in ("checkpoints", "figures", "tensorboard"):
    _variant(f"{_name} is a file", lambda folder, outside, _name=_name: _file_for_folder(folder / _name))


def _file_for_folder(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.write_bytes(b"")


# -- JSON of the wrong shape ---------------------------------------------------------------------------------------

_DEEP = "[" * 100_000 + "]" * 100_000
_TEXTS = {
    "empty": "",
    "null": "null",
    "a number": "7",
    "a text": '"text"',
    "deep": _DEEP,
    "not UTF-8": b"\xff\xfe{}",
    "a huge number": '{"started": ' + "9" * 5000 + "}",
}


def _text(name: str, text: str | bytes) -> Spoil:
    return lambda folder, outside: _put(folder / name, text)


def _put(path: Path, text: str | bytes) -> None:
    path.write_bytes(text.encode() if isinstance(text, str) else text)


for _what, _content in {**_TEXTS, "a list": "[1]"}.items():
    _variant(f"run.json is {_what}", _text("run.json", _content))
for _what, _content in {**_TEXTS, "a mapping": "{}", "a list of numbers": "[1]"}.items():
    _variant(f"tuning.json is {_what}", _text("tuning.json", _content))


def _run_json(change: Callable[[dict[str, Any], Path], None]) -> Spoil:
    def spoil(folder: Path, outside: Path) -> None:
        info = json.loads((folder / "run.json").read_text())
        change(info, outside)
        (folder / "run.json").write_text(json.dumps(info))

    return spoil


def _with(*keys: str | int, value: Any) -> Callable[[dict[str, Any], Path], None]:
    """Set a value; where it is callable, to what it returns of the folder outside."""

    def change(tree: Any, outside: Path) -> None:
        for key in keys[:-1]:
            tree = tree[key]
        tree[keys[-1]] = value(outside) if callable(value) else value

    return change


def _without(*keys: str | int) -> Callable[[dict[str, Any], Path], None]:
    def change(tree: Any, outside: Path) -> None:
        for key in keys[:-1]:
            tree = tree[key]
        del tree[keys[-1]]

    return change


_INFO: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "name is absolute": _with("name", value=lambda outside: str(outside / "taken")),
    "name leads up": _with("name", value="../../outside/taken"),
    "name is a number": _with("name", value=7),
    "name is hidden": _with("name", value=".."),
    "name is escapes": _with("name", value="\x1b]0;x\x07\n"),
    "data is new": _with("data", value=lambda outside: str(outside / "new" / "data")),
    "data is somebody's": _with("data", value=lambda outside: str(outside / "folder")),
    "data is a number": _with("data", value=1),
    "data is null": _with("data", value=None),
    "status is a list": _with("status", value=["finished"]),
    "started is a number": _with("started", value=1),
    "warnings is a text": _with("warnings", value="text"),
    "warnings are numbers": _with("warnings", value=[1, None]),
    "environment is a list": _with("environment", value=["torch"]),
    "environment is null": _with("environment", value=None),
    "environment lacks cvkit": _without("environment", "cvkit-core"),
    "environment is missing": _without("environment"),
    "environment holds mappings": _with("environment", "torch", value={"a": [1]}),
    "components is a text": _with("components", value="text"),
    "components are numbers": _with("components", value=[1]),
    "components are missing": _without("components"),
    "a component lacks its id": _without("components", 0, "id"),
    "a component's id is a number": _with("components", 0, "id", value=1),
    "a component's place is a list": _with("components", 0, "place", value=[]),
    "a component's source is a number": _with("components", 0, "source", value=5),
    "a component's needs are a list": _with("components", 0, "requires", value=["torch"]),
    "a component's needs are numbers": _with("components", 0, "requires", value={"torch": 1}),
    "a component lacks its version": _without("components", 0, "version"),
    "sessions is a text": _with("sessions", value="text"),
    "a session is empty": _with("sessions", value=[{}]),
    "a session's step is a text": _with(
        "sessions", value=[{"after_step": "x", "components": [], "environment": {"cvkit-core": "0"}}]
    ),
    "extended is a number": _with("extended", value=1),
    "extended lacks its keys": _with("extended", value=[{"epochs": 3}]),
    "extended's steps are a text": _with(
        "extended", value=[{"from": "x", "after_step": "x", "epochs": 3, "schedule": "hold", "became": "x"}]
    ),
    "data_info is a list": _with("data_info", value=[3, 32, 32]),
    "data_info lacks a key": _without("data_info", "std"),
    "data_info has a key too many": _with("data_info", "more", value=1),
    "data_info's size is a text": _with("data_info", "height", value="32"),
    "data_info's size is negative": _with("data_info", "height", value=-1),
    "data_info's size is huge": _with("data_info", "height", value=10**9),
    "data_info's channels are huge": _with("data_info", "channels", value=10**30),
    "data_info's classes are numbers": _with("data_info", "classes", value=[1, 2]),
    "data_info's classes are none": _with("data_info", "classes", value=[]),
    "data_info's classes are a text": _with("data_info", "classes", value="abc"),
    "data_info's std is zero": _with("data_info", "std", value=[0, 0, 0]),
    "data_info's std is short": _with("data_info", "std", value=[0.5]),
    "data_info's mean is not a number": _with("data_info", "mean", value=[float("nan")] * 3),
    "data_info's mean is infinite": _with("data_info", "mean", value=[float("inf")] * 3),
    "error is a list": _with("error", value=["x"]),
}
for _what, _change in _INFO.items():
    _variant(f"run.json: {_what}", _run_json(_change))
_variant(
    "run.json: a key twice",
    lambda folder, outside: _put(folder / "run.json", '{"name": "small", ' + (folder / "run.json").read_text()[1:]),
)


def _tuning(value: Callable[[Path], Any]) -> Spoil:
    return lambda folder, outside: _put(folder / "tuning.json", json.dumps(value(outside)))


def _tuning_without(key: str) -> Spoil:
    return _tuning(lambda outside: [{name: value for name, value in tuned().items() if name != key}])


_variant("tuning.json: name is absolute", _tuning(lambda outside: [tuned(name=str(outside / "secret"))]))
_variant("tuning.json: name leads up", _tuning(lambda outside: [tuned(name="../../../outside/secret")]))
for _key in ("name", "title", "caption", "tuner", "sets", "value", "data"):
    _variant(f"tuning.json: {_key} is missing", _tuning_without(_key))
for _key in ("name", "title", "caption", "tuner", "sets"):
    _variant(f"tuning.json: {_key} is a list", _tuning(lambda outside, _key=_key: [tuned(**{_key: [1]})]))
_variant("tuning.json: sets leads nowhere", _tuning(lambda outside: [tuned(sets="no.where")]))
_variant("tuning.json: data is a list", _tuning(lambda outside: [tuned(data=[1])]))
_variant("tuning.json: value is not a number", _tuning(lambda outside: [tuned(value=float("nan"))]))
_variant(
    "a figure runs a script",
    lambda folder, outside: _put(
        folder / "figures" / "tuning_1_test.svg",
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script>'
        '<image href="https://example.com/x.png"/></svg>"><script>alert(3)</script>',
    ),
)
_variant("a figure is not text", _text("figures/tuning_1_test.svg", b"\xff\xfe\x00"))
_variant("a picture is not one", _text("figures/tuning_1_test.png", b"\x89PNG"))


def _record(change: Callable[[dict[str, Any], Path], None]) -> Spoil:
    def spoil(folder: Path, outside: Path) -> None:
        record = json.loads((folder / "metrics.jsonl").read_text())
        change(record, outside)
        (folder / "metrics.jsonl").write_text(json.dumps(record) + "\n")

    return spoil


for _what, _content in {**_TEXTS, "a list": "[1]", "a mapping": "{}"}.items():
    if _what != "empty":
        _line = _content if isinstance(_content, bytes) else _content.encode()
        _variant(f"metrics.jsonl is {_what}", _text("metrics.jsonl", _line + b"\n"))
_RECORD: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "epoch is a text": _with("epoch", value="1"),
    "epoch is huge": _with("epoch", value=10**30),
    "epoch is negative": _with("epoch", value=-1),
    "epoch is true": _with("epoch", value=True),
    "step is a fraction": _with("step", value=1.5),
    "loss is not a number": _with("test_loss", value=float("nan")),
    "loss is a text": _with("test_loss", value="0.1"),
    "loss is null": _with("train_loss", value=None),
    "accuracy is above 1": _with("test_accuracy", value=7.0),
    "seconds are negative": _with("seconds", value=-1.0),
    "losses are a text": _with("step_losses", value="abc"),
    "losses are texts": _with("step_losses", value=["a"]),
    "losses are too few": _with("step_losses", value=[1.0]),
    "losses are none": _with("step_losses", value=[]),
    "rates are infinite": _with("step_lrs", value=[float("inf")] * 4),
    "rates are missing": _without("step_lrs"),
    "momenta lie too far apart to be drawn": _with("step_momenta", value=[1e308, -1e308, 0.0, 0.0]),
    "a key too many": _with("more", value=1),
}
for _what, _change in _RECORD.items():
    _variant(f"metrics.jsonl: {_what}", _record(_change))


def _alone(spoil: Spoil) -> Spoil:
    """Take the checkpoints' copies of the files beside them away, then spoil the folder."""

    def both(folder: Path, outside: Path) -> None:
        _state(_without("kept"))(folder, outside)
        spoil(folder, outside)

    return both


# -- checkpoints whose digests are right and whose content is not --------------------------------------------------


def seal(checkpoint: Path) -> None:
    """Write the manifest again, so that the checkpoint is undamaged as far as digests can tell."""
    manifest = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name in OF_CHECKPOINT[:2]
        for content in [(checkpoint / name).read_bytes()]
    }
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))


def _state(change: Callable[[dict[str, Any], Path], None]) -> Spoil:
    """Change the state of every checkpoint."""

    def spoil(folder: Path, outside: Path) -> None:
        for checkpoint in (folder / "checkpoints").iterdir():
            state = json.loads((checkpoint / "state.json").read_text())
            change(state, outside)
            (checkpoint / "state.json").write_text(json.dumps(state))
            seal(checkpoint)

    return spoil


def _state_text(text: str) -> Spoil:
    def spoil(folder: Path, outside: Path) -> None:
        for checkpoint in (folder / "checkpoints").iterdir():
            (checkpoint / "state.json").write_text(text)
            seal(checkpoint)

    return spoil


def _tensors(change: Callable[[dict[str, Any]], None]) -> Spoil:
    def spoil(folder: Path, outside: Path) -> None:
        for checkpoint in (folder / "checkpoints").iterdir():
            tensors = {name: tensor.clone() for name, tensor in load_file(checkpoint / "tensors.safetensors").items()}
            change(tensors)
            save_file(tensors, checkpoint / "tensors.safetensors")
            seal(checkpoint)

    return spoil


for _key in ("epoch", "step", "model", "ema", "optimizer", "scaler", "progress", "data"):
    _variant(f"state.json: {_key} is missing", _state(_without(_key)))
for _key in ("epoch", "step", "model", "optimizer", "schedule", "scaler", "progress", "data", "ema"):
    _variant(f"state.json: {_key} is a list", _state(_with(_key, value=[1])))
_STATE: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "step is negative": _with("step", value=-5),
    "step is huge": _with("step", value=10**30),
    "epoch is huge": _with("epoch", value=10**30),
    "epoch is a fraction": _with("epoch", value=0.5),
    "model holds numbers": _with("model", value={"a": 1}),
    "optimizer is empty": _with("optimizer", value={}),
    "optimizer has no groups": _with("optimizer", "groups", value=[]),
    "a group lacks its rate": _without("optimizer", "groups", 0, "lr"),
    "a group's rate is a text": _with("optimizer", "groups", 0, "lr", value="0.1"),
    "a group's parameters are numbers": _with("optimizer", "groups", 0, "params", value=[1, 2]),
    "optimizer's state is of strangers": _with("optimizer", "state", value={"stranger": {}}),
    "optimizer's state is numbers": _with("optimizer", "state", value={"stranger": 1}),
    "schedule lacks its count": _without("schedule", "taken"),
    "schedule's count is a text": _with("schedule", "taken", value="x"),
    "schedule's count is negative": _with("schedule", "taken", value=-3),
    "schedule's count is huge": _with("schedule", "taken", value=10**15),
    "schedule's span is a text": _with("schedule", "span", value="x"),
    "scheduler is a text": _with("schedule", "scheduler", value="x"),
    "scheduler's methods are numbers": _with("schedule", "scheduler", value={"step": 1, "get_lr": 2}),
    "scaler is full": _with("scaler", value={"scale": "x"}),
    "progress is empty": _with("progress", value={}),
    "progress's losses are numbers": _with("progress", "losses", value=[1.0]),
    "progress's counts are texts": _with("progress", "counts", value=["a", "b"]),
    "progress's counts are too many": _with("progress", "counts", value=[8] * 1000),
    "progress's seconds are a text": _with("progress", "seconds", value="x"),
    "a tensor is missing": _with("model", "stranger", value={"$tensor": "nowhere"}),
    "a tensor's name is a list": _with("model", "stranger", value={"$tensor": []}),
    "a tuple is a number": _with("model", "stranger", value={"$tuple": 1}),
    "items are numbers": _with("model", "stranger", value={"$items": [1]}),
    "items have lists for keys": _with("model", "stranger", value={"$items": [[[1], 2]]}),
    "a number is a text": _with("model", "stranger", value={"$float": "text"}),
}
for _what, _change in _STATE.items():
    _variant(f"state.json: {_what}", _state(_change))
for _what, _content in {"a list": "[1]", "null": "null", "deep": _DEEP, "not a number": '{"step": NaN}'}.items():
    _variant(f"state.json is {_what}", _state_text(_content))
for _what, _content in {"a list": "[]", "null": "null", "a mapping": "{}", "deep": _DEEP}.items():
    _variant(
        f"manifest.json is {_what}", _in_newest("manifest.json", lambda path, outside, _c=_content: _put(path, _c))
    )
_variant(
    "manifest.json: sizes are texts",
    _in_newest(
        "manifest.json",
        lambda path, outside: _put(path, json.dumps({name: {"bytes": "x", "sha256": []} for name in OF_CHECKPOINT})),
    ),
)


def _reshaped(tensors: dict[str, torch.Tensor], prefix: str, make: Callable[[torch.Tensor], torch.Tensor]) -> None:
    for name in tensors:
        if name.startswith(prefix):
            tensors[name] = make(tensors[name]).contiguous()


_variant("tensors: weights of another shape", _tensors(lambda t: _reshaped(t, "/model", lambda _: torch.zeros(3))))
_variant(
    "tensors: momenta of another shape", _tensors(lambda t: _reshaped(t, "/optimizer", lambda _: torch.zeros(3)))
)
_variant(
    "tensors: losses of another shape", _tensors(lambda t: _reshaped(t, "/progress", lambda _: torch.zeros(3, 3)))
)
_variant(
    "tensors: complex weights",
    _tensors(lambda t: _reshaped(t, "/model", lambda tensor: tensor.to(torch.complex64))),
)
_variant("tensors: none", _tensors(dict.clear))
_variant(
    "tensors are text",
    lambda folder, outside: [
        (_put(path / "tensors.safetensors", b"text" * 100), seal(path)) for path in (folder / "checkpoints").iterdir()
    ],
)


# -- recipes -------------------------------------------------------------------------------------------------------


def _recipe(change: Callable[[str, Path], str]) -> Spoil:
    return lambda folder, outside: _put(folder / "recipe.yaml", change((folder / "recipe.yaml").read_text(), outside))


def _extends_pipe(folder: Path, outside: Path) -> None:
    os.mkfifo(folder / "pipe")
    _put(folder / "recipe.yaml", "extends: pipe\n" + (folder / "recipe.yaml").read_text())


_variant("recipe.yaml extends a file outside", _recipe(lambda text, out: f"extends: {out / 'recipe.yaml'}\n{text}"))
_variant("recipe.yaml extends a pipe", _extends_pipe)
_variant(
    "recipe.yaml: name leads up", _recipe(lambda text, out: text.replace("name: small", "name: ../../outside/x"))
)
_variant("recipe.yaml is empty", _text("recipe.yaml", ""))
_variant("recipe.yaml is a list", _text("recipe.yaml", "[1]"))


# -- what a checkpoint keeps of the files beside it ------------------------------------------------------------------


def _both(of_file: Callable[[Any], Spoil], where: str, change: Callable[[Any, Path], None]) -> Spoil:
    """Make a change in a file, and the same in the copy of it that every checkpoint keeps."""
    of_state = _state(lambda state, outside: change(state["kept"][where], outside))

    def spoil(folder: Path, outside: Path) -> None:
        of_file(change)(folder, outside)
        of_state(folder, outside)

    return spoil


def _kept(key: str, value: Any) -> Spoil:
    return _state(_with("kept", key, value=value))


for _what, _change in _INFO.items():
    _variant(f"run.json and its copy: {_what}", _both(_run_json, "info", _change))
_variant("the copies are a list", _state(_with("kept", value=[1])))
for _key in ("recipe", "tuning", "records", "info"):
    _variant(f"the copy of {_key} is missing", _state(_without("kept", _key)))
    _variant(f"the copy of {_key} is null", _kept(_key, None))
    _variant(f"the copy of {_key} is a list of numbers", _kept(_key, [1]))
for _what, _entry in {"leads up": "../../../outside/secret", "is hidden": "..", "is a number": 7}.items():
    _variant(f"the copy of tuning: name {_what}", _kept("tuning", [tuned(name=_entry)]))
_variant("the copy of tuning: sets leads nowhere", _kept("tuning", [tuned(sets="no.where")]))
_RECORDS: dict[str, Callable[[dict[str, Any], Path], object]] = {
    "values are a text": _with("values", value="x"),
    "values are empty": _with("values", value=[{}]),
    "values hold a negative epoch": lambda packed, outside: [kept.update(epoch=-1) for kept in packed["values"]],
    "values hold a huge epoch": lambda packed, outside: [kept.update(epoch=10**30) for kept in packed["values"]],
    "lengths are texts": _with("lengths", "step_losses", value=["x"]),
    "lengths are huge": _with("lengths", "step_losses", value=[10**30]),
    "lengths are negative": _with("lengths", "step_losses", value=[-4]),
    "lengths are of strangers": _with("lengths", "stranger", value=[1]),
    "series are numbers": _with("series", value=1),
    "series are missing": _with("series", value={}),
    "series are of the model": lambda packed, outside: packed["series"].update(
        step_losses={"$tensor": "/model/stranger"}
    ),
    "there are none": lambda packed, outside: packed.update(values=[], lengths={}, series={}),
}
for _what, _change in _RECORDS.items():
    _variant(
        f"the copy of records: {_what}",
        _state(lambda state, outside, _change=_change: _change(state["kept"]["records"], outside)),
    )


def _recipe_gone(spoil: Spoil) -> Spoil:
    """Have the checkpoint's copy of the recipe be the only one."""

    def both(folder: Path, outside: Path) -> None:
        spoil(folder, outside)
        (folder / "recipe.yaml").unlink()

    return both


for _what, _value in {
    "extends a file outside": lambda outside: f"extends: {outside / 'recipe.yaml'}\n",
    "is empty": "",
    "is deep": "a: " + "[" * 5000,
    "is no text of YAML": "\x1b]0;x\x07",
    "has a name that leads up": RECIPE.replace("name: small", "name: ../../outside/x"),
}.items():
    _variant(f"the copy of the recipe {_what}", _recipe_gone(_kept("recipe", _value)))

for _name in [
    name for name in VARIANTS if name.startswith(READ) and not name.startswith(("run.json and", "metrics"))
]:
    # As an earlier cvkit wrote checkpoints: then the files beside them have to be believed.
    _variant(f"no copies are kept; {_name}", _alone(VARIANTS[_name]))
