"""Damages of a run folder, each done to a copy of one run that was stopped, and how going on from there ends.

``classified`` resumes a damaged copy as ``cvkit resume`` does and returns one of

* ``same``: the run ends as the undamaged one does;
* ``told``: it does not, and a warning of the command line and the report, or an error, says why;
* ``silent``: it does not, and nothing says so, which must never be;
* ``traceback``: it ends in an error that no user can read, which must never be either.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch

from cvkit.cli import main
from cvkit.engine.assembly import build_parts
from cvkit.host.discovery import discover
from cvkit.recipe import read, read_text, resolve
from cvkit.recipe.nodes import plain
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session

RECIPE = """\
name: small
dataset: {name: shapes, train_size: 70, test_size: 30}
augmentations: [{name: random_crop, padding: 2}, horizontal_flip]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, momentum: 0.9, weight_decay: 0.0005}
scheduler: {name: one_cycle, max_lr: auto, peak_fraction: 0.4}
tuners: [{name: lr_range_test, set: scheduler.max_lr, steps: 20, orders: 1}]
train: {epochs: 3, batch_size: 8, checkpoint_every: 3, workers: 0}
report: {misclassified: 0, augmented: 0}
"""
SET_BY_HAND = ("scheduler.max_lr=0.1", "tuners=[{name: lr_range_test, set: scheduler.max_lr, steps: 20, orders: 1}]")
STOPPED_AT = 20  # of 24 steps, 8 an epoch: two records, and the checkpoints of steps 18 and 20
FILES = ("recipe.yaml", "run.json", "metrics.jsonl", "tuning.json")
EDITS = (
    ("weight_decay: 0.0005", "weight_decay: 0.5"),
    ("max_lr: 0.1", "max_lr: 0.2"),
    ("epochs: 3", "epochs: 4"),
    ("batch_size: 8", "batch_size: 7"),
    ("padding: 2", "padding: 3"),
    ("width: 2", "width: 3"),
    ("seed: 0", "seed: 1"),
    ("train_size: 70", "train_size: 71"),
    ("clip_norm: null", "clip_norm: 1.0"),
    ("max_steps: null", "max_steps: 21"),
    ("misclassified: 0", "misclassified: 1"),
)
Damage = Callable[[Path], None]


@dataclass(frozen=True)
class Outcome:
    """What a run ends with: weights, records without their timings, predictions, recipe and what tuners measured."""

    model: dict[str, torch.Tensor]
    rest: tuple[Any, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> Outcome:
        folder = RunFolder(path)
        state, _ = folder.newest_state()
        records = [record.to_json() | {"seconds": 0, "images_per_second": 0} for record in folder.records()]
        files = tuple((path / name).read_bytes() for name in ("predictions.csv", "tuning.json"))
        recipe = plain(read(path / "recipe.yaml").root)
        info = folder.info()
        began = {key: info[key] for key in ("environment", "components", "data_info")}
        return cls(state["model"], (records, files, recipe, began), tuple(info["warnings"]))

    def same(self, other: Outcome) -> bool:
        """Whether a run ended as the other did."""
        alike = all(torch.equal(self.model[name], tensor) for name, tensor in other.model.items())
        return alike and self.rest == other.rest


def stopped_run(parent: Path) -> Path:
    """Train a run in a new folder under `parent` up to `STOPPED_AT`, and return the folder."""
    catalog = discover()
    recipe = resolve(read_text(RECIPE, SET_BY_HAND), catalog)
    session = Session(
        build_parts(recipe, recipe.dataset.build(parent)), RunFolder.create(parent, "small"), parent, catalog
    )
    session.start()
    for _ in session.tune():
        pass
    for _ in session.train():
        session.stop = session.step == STOPPED_AT
    session.folder._lock.release()
    return session.folder.path


def resumed(path: Path, *options: str) -> tuple[int, str]:
    """Call ``cvkit resume`` in this process; return its exit code and what it wrote. A defect's error passes."""
    written = StringIO()
    before, sys.argv = sys.argv, ["cvkit", "resume", str(path), *options]
    try:
        with redirect_stdout(written), redirect_stderr(written):
            main()
    except SystemExit as ended:
        return int(ended.code or 0), written.getvalue()
    finally:
        sys.argv = before
    return 0, written.getvalue()


def classified(path: Path, expected: Outcome) -> tuple[str, str]:
    """Resume the run at `path` and return how that ended, and what was said."""
    try:
        code, said = resumed(path)
    except Exception as error:  # a traceback, to a user
        return "traceback", repr(error)
    if "Traceback" in said:
        return "traceback", said
    if code:  # an error, or the list of a recipe's mistakes, each with its place
        return ("told" if "error:" in said or "recipe.yaml" in said else "silent"), said
    outcome = Outcome.of(path)
    if outcome.same(expected):
        return "same", said
    report = (path / "report.html").read_text(encoding="utf-8")
    shown = "warning:" in said and set(outcome.warnings) - set(expected.warnings) and 'class="warning' in report
    return ("told" if shown else "silent"), said


def damages(count: int, seed: int = 2026) -> Iterator[tuple[str, Damage]]:
    """Yield `count` damages by name: every one there is a name for, then random ones of the bytes of every file."""
    named = list(_named())
    yield from named[:count]
    draw = random.Random(seed)
    for number in range(len(named), count):
        file, seeded = draw.choice(FILES), draw.randrange(1 << 30)
        how = draw.choice((_flip, _cut, _drop_line, _double_line, _digit))
        yield f"{number} {how.__name__.strip('_')} {file}", _on(file, how, random.Random(seeded))


def _named() -> Iterator[tuple[str, Damage]]:
    for name in FILES:
        yield f"remove {name}", lambda path, name=name: (path / name).unlink()
        yield f"empty {name}", lambda path, name=name: (path / name).write_bytes(b"")
        for third in (1, 2):
            cut = lambda text, third=third: text[: len(text) * third // 3]  # noqa: E731  # a name for a short function
            yield f"cut {name} to {third} thirds", _edit(name, cut)
    yield "record dropped", _edit_lines(lambda lines: lines[1:])
    yield "last record dropped", _edit_lines(lambda lines: lines[:-1])
    yield "record doubled", _edit_lines(lambda lines: [lines[0], *lines])
    yield "last record doubled", _edit_lines(lambda lines: [*lines, lines[-1]])
    yield "records swapped", _edit_lines(lambda lines: lines[::-1])
    yield "accuracy changed", _json_lines(lambda record: record | {"test_accuracy": 0.99})
    other_loss = lambda record: record | {"step_losses": [0.0, *record["step_losses"][1:]]}  # noqa: E731  # as above
    yield "loss of a step changed", _json_lines(other_loss)
    yield "epoch changed", _json_lines(lambda record: record | {"epoch": record["epoch"] + 1})
    for old, new in EDITS:
        yield f"recipe says {new}", _edit("recipe.yaml", lambda text, old=old, new=new: _replaced(text, old, new))
    yield "recipe lacks train", _edit("recipe.yaml", lambda text: re.sub(r"(?ms)^train:\n.*?\n\n", "", text))
    yield "recipe with a remark", _edit("recipe.yaml", lambda text: text + "# a remark\n")
    for key in ("environment", "components", "started", "data_info", "name", "data", "sessions", "status"):
        yield f"run.json lacks {key}", _info(lambda info, key=key: {k: v for k, v in info.items() if k != key})
    yield "run.json of another torch", _info(lambda info: info | {"environment": {"torch": "1"}})
    other_value = lambda text: re.sub(r'"value": [^,]+', '"value": 7.0', text, count=1)  # noqa: E731  # as above
    yield "tuner's value changed", _edit("tuning.json", other_value)
    for names in (("step-00000020",), ("step-00000018", "step-00000020")):
        yield f"{len(names)} checkpoints removed", lambda path, names=names: _remove(path, names)
        yield f"{len(names)} checkpoints damaged", lambda path, names=names: _spoil(path, names)
    yield "checkpoints and records removed", _checkpoints_and("metrics.jsonl")
    yield "checkpoints and run.json removed", _checkpoints_and("run.json")
    for copy in ("step-best", "step-99999999-copy"):
        yield f"checkpoint copied to {copy}", lambda path, copy=copy: _copy(path, copy)


def _edit(name: str, change: Callable[[str], str]) -> Damage:
    def damage(path: Path) -> None:
        text = (path / name).read_text(encoding="utf-8")
        (path / name).write_text(change(text), encoding="utf-8")

    return damage


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"the recipe does not say {old}"
    return text.replace(old, new, 1)


def _edit_lines(change: Callable[[list[str]], list[str]]) -> Damage:
    return _edit("metrics.jsonl", lambda text: "".join(change(text.splitlines(keepends=True))))


def _json_lines(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Damage:
    return _edit_lines(lambda lines: [json.dumps(change(json.loads(lines[0]))) + "\n", *lines[1:]])


def _info(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Damage:
    return _edit("run.json", lambda text: json.dumps(change(json.loads(text))))


def _remove(path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        shutil.rmtree(path / "checkpoints" / name)


def _spoil(path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (path / "checkpoints" / name / "state.json").write_text("{}")


def _checkpoints_and(name: str) -> Damage:
    def damage(path: Path) -> None:
        shutil.rmtree(path / "checkpoints")
        (path / name).unlink()

    return damage


def _copy(path: Path, copy: str) -> None:
    shutil.copytree(path / "checkpoints" / "step-00000018", path / "checkpoints" / copy)


def _on(name: str, how: Callable[[bytes, random.Random], bytes], draw: random.Random) -> Damage:
    def damage(path: Path) -> None:
        (path / name).write_bytes(how((path / name).read_bytes(), draw))

    return damage


def _flip(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def _drop_line(content: bytes, draw: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    del lines[draw.randrange(len(lines))]
    return b"".join(lines)


def _double_line(content: bytes, draw: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    number = draw.randrange(len(lines))
    return b"".join([*lines[:number], lines[number], *lines[number:]])


def _digit(content: bytes, draw: random.Random) -> bytes:
    places = [match.start() for match in re.finditer(rb"[0-8]", content)]
    place = draw.choice(places)
    return content[:place] + bytes([content[place] + 1]) + content[place + 1 :]
