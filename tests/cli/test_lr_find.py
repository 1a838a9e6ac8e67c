"""`cvkit lr-find`: a table of rules, a picture and the data, without a run."""

from __future__ import annotations

import json
import os
import re
import shlex
from html import unescape
from pathlib import Path

import pytest
from pages import lines_of

from cvkit import Component, Origin, Proposal, discover, hookimpl
from cvkit.cli import loading
from cvkit.cli.lr_find import range_test_override, with_range_test
from cvkit.cli.options import PluginChoice
from cvkit.testing.sample_parts import SamplePlugin

SMALL = """\
name: small
dataset: sample/colours
model: sample/net
optimizer: {name: sgd, momentum: 0.9}
scheduler: {name: one_cycle, max_lr: 0.1}
tuners: [{name: lr_range_test, set: scheduler.max_lr, start_lr: 1e-3, end_lr: 30.0, steps: 40, orders: 2}]
train: {epochs: 4, batch_size: 32}
"""
RULES = ["cvkit", "valley", "slide", "steep", "minimum", "lr_finder", "lightning"]


@pytest.fixture(autouse=True)
def colours(monkeypatch):
    """The small network and its ten colours, as a plugin that is there."""

    def with_sample(*arguments):
        catalog = discover(*arguments)
        catalog.admit(Origin("sample", "in-process", "0"), SamplePlugin())
        return catalog

    monkeypatch.setattr(loading, "discover", with_sample)


@pytest.fixture
def recipe(write):
    return write(SMALL)


def without_numbers(text: str) -> str:
    """Write what a sweep measures as ``<number>``: it differs between machines."""
    return re.sub(r"\d[\d.]*(e-?\d+)?", "<number>", text)


def test_table_files_and_proposal_are_printed(cvkit, recipe, tmp_path, wording):
    """A line a rule, the paths, the pick and its reason, whatever rate the recipe says; no run folder is made."""
    answer = cvkit("lr-find", recipe)
    assert (answer.code, answer.err) == (0, "")
    header, *lines = answer.out.splitlines()
    assert re.split(" {2,}", header) == wording(name="header")
    assert [line.split()[0] for line in lines[:7]] == RULES
    assert lines[0].split()[1] == "*"
    folder = Path("lr-find/small")
    written = [folder / "lr-find.html", *(folder / f"lr_range_test.{kind}" for kind in ("svg", "png", "json"))]
    assert lines[7:11] == [str(path) for path in written]
    data = json.loads(written[3].read_text())
    assert lines[11] == f"scheduler.max_lr: {data['value']} ({data['reason']})"
    assert without_numbers(data["reason"]) == wording(name="reason")
    assert data["rules"]["cvkit"]["rate"] == data["value"]
    assert written[2].read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir(tmp_path)) == ["lr-find", "recipe.yaml"]


def test_page_marks_the_rate_and_says_how_to_use_it(cvkit, recipe, wording):
    """The commands on the page are those of this recipe with its overrides, and a run takes them."""
    assert cvkit("lr-find", recipe, "--set", "tuners.0.orders=1", "--set", "train.epochs=3").code == 0
    html = Path("lr-find/small/lr-find.html").read_text()
    rate = json.loads(Path("lr-find/small/lr_range_test.json").read_text())["value"]
    facts = lines_of(html[html.index('<dl class="headline">') : html.index("</header>")])
    assert facts[:2] == ["scheduler.max_lr", f"{rate:g}"]
    drawing = html[html.index('class="drawing"') : html.index("</svg>")]
    assert f"proposed: {rate:g}" in drawing
    (spoken,) = re.findall(r'aria-label="(Learning-rate range test.*?)"', drawing)
    assert "is lowest" in spoken
    cells = [unescape(re.sub("<.*?>", "", cell)) for cell in re.findall(r"<td.*?</td>", html)]
    command = next(cell for cell in cells if cell.startswith("cvkit preview"))
    assert cvkit(*shlex.split(command)[1:]).code == 0
    assert f"scheduler: {{name: onecycle/one_cycle, max_lr: {rate:g}}}" in cells
    assert [line for line in facts if not re.search(r"\d", line)] == wording


def test_page_of_a_test_without_a_rate_says_what_to_try(cvkit, recipe):
    """More steps, and no command that would use a rate."""
    low = ("--set", "tuners.0.start_lr=1e-9", "--set", "tuners.0.end_lr=1e-8")
    assert cvkit("lr-find", recipe, "--set", "tuners.0.orders=1", *low).code == 1
    html = Path("lr-find/small/lr-find.html").read_text()
    facts = lines_of(html[html.index('<dl class="headline">') : html.index("</header>")])
    assert facts[1] == "none"
    assert "Try again" in html
    assert "Use this rate" not in html
    assert "steps: 80}" in html
    assert "cvkit run" not in html


def test_pick_is_marked_and_proposed(cvkit, recipe, wording):
    """Whatever the recipe picks."""
    answer = cvkit("lr-find", recipe, "--pick", "lr_finder", "--set", "tuners.0.orders=1")
    assert answer.code == 0
    proposed = answer.out.splitlines()[-1]
    assert "lr_finder" in proposed
    assert without_numbers(proposed) == wording
    assert [line.split()[0] for line in answer.out.splitlines() if " * " in line] == ["lr_finder"]


def test_verification_is_passed_on(cvkit, recipe, monkeypatch):
    """Three candidates are in the data."""
    monkeypatch.setattr("cvkit_onecycle.verify.STEPS", 4)
    monkeypatch.setattr("cvkit_onecycle.verify.WARM_UP", 1)
    assert cvkit("lr-find", recipe, "--verify", "--set", "tuners.0.orders=1").code == 0
    assert len(json.loads(Path("lr-find/small/lr_range_test.json").read_text())["candidates"]) == 3


@pytest.mark.parametrize(
    ("changes", "sets"),
    [
        ({"tuners": ""}, "scheduler.max_lr"),
        ({"tuners": "", "scheduler": "cosine"}, "optimizer.lr"),
    ],
)
def test_recipe_without_a_range_test_is_given_one(cvkit, write, wording, changes, sets):
    """For the schedule's peak, or else the optimizer's rate; it says so."""
    lines = [line for line in SMALL.splitlines() if line.partition(":")[0] not in changes]
    lines += [f"{key}: {value}" for key, value in changes.items() if value]
    answer = cvkit("lr-find", write("\n".join(lines)))
    assert answer.code == 0, answer.err
    assert sets in answer.err
    assert answer.err == wording
    assert answer.out.splitlines()[-1].startswith(f"{sets}: ")


def test_value_that_waits_is_looked_for_without_a_tuner_in_the_recipe(cvkit, recipe):
    """The recipe alone would not pass its check; nothing else is asked for."""
    answer = cvkit("lr-find", recipe, "--set", "tuners=[]", "--set", "scheduler.max_lr=auto")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[-1].startswith("scheduler.max_lr: ")


def test_refusal_exits_with_1_the_reason_and_the_picture(cvkit, recipe, wording):
    """What was measured is there to look at."""
    answer = cvkit("lr-find", recipe, "--set", "tuners.0.start_lr=1e-9", "--set", "tuners.0.end_lr=1e-8")
    assert answer.code == 1
    assert "scheduler.max_lr" in answer.err
    assert "Traceback" not in answer.err
    assert without_numbers(answer.err) == wording
    data = json.loads(Path("lr-find/small/lr_range_test.json").read_text())
    assert data["reason"] in answer.err
    assert data["value"] is None
    assert len(data["sweeps"]) == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--pick", "valey"), "--pick"),
        (("--set", "tuners.0.stepz=30"), "'stepz'"),
        (("--no-plugin", "onecycle"), "one_cycle"),
    ],
    ids=["pick", "option", "plugin"],
)
def test_mistake_leaves_no_folder(cvkit, recipe, tmp_path, wording, arguments, named):
    """And no traceback."""
    answer = cvkit("lr-find", recipe, *arguments)
    assert answer.code == 2
    assert named in answer.err
    assert answer.err == wording
    assert "Traceback" not in answer.err
    assert os.listdir(tmp_path) == ["recipe.yaml"]


def test_folder_that_cannot_be_written_is_named(cvkit, recipe, tmp_path, wording):
    """A file is where the folder would be."""
    (tmp_path / "lr-find").mkdir()
    (tmp_path / "lr-find" / "small").write_text("")
    answer = cvkit("lr-find", recipe, "--set", "tuners.0.orders=1")
    assert answer.code == 2
    assert "'lr-find/small'" in answer.err
    assert answer.err == wording
    assert answer.out == ""  # told before the sweep


class Elsewhere:
    """Another plugin that offers a range test, which keeps none of cvkit's own data."""

    @hookimpl
    def cvkit_tuners(self):
        yield Component("lr_range_test", f"{__name__}:elsewhere")


PROPOSED: dict[str, object] = {}


def elsewhere(run):
    """Propose what the test asks for, without a sweep."""
    return Proposal(**{"value": 0.25, "reason": "it looked right", "title": "Elsewhere"} | PROPOSED)


@pytest.fixture
def two_range_tests(monkeypatch):
    """Both cvkit's range test and another's of the same name."""
    before = loading.discover

    def with_both(*arguments):
        catalog = before(*arguments)
        catalog.admit(Origin("elsewhere", "in-process", "0"), Elsewhere())
        return catalog

    monkeypatch.setattr(loading, "discover", with_both)


@pytest.fixture
def propose(monkeypatch):
    """Have the other range test propose something else."""
    return lambda **values: [monkeypatch.setitem(PROPOSED, key, value) for key, value in values.items()]


THEIRS = SMALL.replace(
    "{name: lr_range_test, set: scheduler.max_lr, start_lr: 1e-3, end_lr: 30.0, steps: 40, orders: 2}",
    "{name: elsewhere/lr_range_test, set: scheduler.max_lr}",
)


def scribble(figure):
    """Draw nothing, and fail."""
    raise KeyError("axes")


@pytest.mark.parametrize(
    ("values", "out"),
    [
        ({}, ["scheduler.max_lr: 0.25 (it looked right)"]),
        ({"data": {"rules": {"mine": {"rate": 0.5}}}}, ["mine", "0.5"]),
        ({"data": {"rules": ["mine"], "slope": 1.5}}, ["slope", "1.5"]),
        ({"draw": lambda figure: figure.subplots().plot([1, 2])}, ["lr_range_test.png"]),
    ],
    ids=["nothing", "rules", "other data", "figure"],
)
def test_range_test_of_another_plugin_is_shown(cvkit, write, two_range_tests, propose, values, out):
    """It need not know what cvkit's own keeps beside its proposal."""
    propose(**values)
    answer = cvkit("lr-find", write(THEIRS))
    assert (answer.code, answer.err) == (0, "")
    assert all(part in answer.out for part in out)
    kept = json.loads(Path("lr-find/small/lr_range_test.json").read_text())
    assert kept["value"] == 0.25


def test_data_that_json_cannot_hold_are_left_out_and_said(cvkit, write, two_range_tests, propose, wording):
    """Of another plugin's range test, whose value and reason are kept all the same."""
    data = {"curve": float("nan")}
    propose(data=data)
    with pytest.raises(ValueError, match="JSON") as caught:
        json.dumps(data, indent=1, allow_nan=False)
    answer = cvkit("lr-find", write(THEIRS))
    assert answer.code == 0, answer.err
    assert "0.25" in answer.out
    assert "elsewhere/lr_range_test" in answer.err
    assert answer.err.replace(str(caught.value), "<what Python says>") == wording
    kept = json.loads(Path("lr-find/small/lr_range_test.json").read_text())
    assert kept == {"value": 0.25, "reason": "it looked right"}


def test_figure_that_cannot_be_drawn_is_left_out_and_said(cvkit, write, two_range_tests, propose, wording):
    """Of another plugin's range test, without a traceback."""
    propose(draw=scribble)
    answer = cvkit("lr-find", write(THEIRS))
    assert answer.code == 0, answer.err
    assert "0.25" in answer.out
    assert "elsewhere/lr_range_test" in answer.err
    assert "KeyError: 'axes'" in answer.err
    assert "Traceback" not in answer.err
    assert re.sub(r"line \d+", "line <number>", answer.err) == wording
    assert sorted(os.listdir("lr-find/small")) == ["lr-find.html", "lr_range_test.json"]
    kept = json.loads(Path("lr-find/small/lr_range_test.json").read_text())
    assert kept["value"] == 0.25


def test_range_test_that_nobody_named_is_cvkits_own(write, two_range_tests):
    """Though another plugin offers one of that name; there is no choice to make for a user who wrote no name."""
    lines = [line for line in SMALL.splitlines() if not line.startswith("tuners")]
    path, choice = write("\n".join(lines)), PluginChoice((), ())
    recipe, catalog = loading.load_recipe(path, (), choice)
    _, tuner = with_range_test(path, (), recipe, catalog, ["steps=40"])
    assert (tuner.entry.id, tuner.target) == ("onecycle/lr_range_test", "scheduler.max_lr")
    waiting = range_test_override(path, ["scheduler.max_lr=auto"])
    recipe, _ = loading.load_recipe(path, ["scheduler.max_lr=auto", *waiting], choice)
    assert [tuner.entry.id for tuner in recipe.tuners] == ["onecycle/lr_range_test"]


@pytest.mark.parametrize("rate", ["0.1", "auto"])
def test_range_test_that_nobody_named_and_that_is_not_there_is_said(cvkit, write, wording, rate):
    """With the reason, and not as a mistake in the recipe."""
    lines = [line for line in SMALL.splitlines() if not line.startswith(("tuners", "scheduler", "optimizer"))]
    path = write("\n".join([*lines, f"optimizer: {{name: sgd, lr: {rate}}}"]))
    answer = cvkit("lr-find", path, "--no-plugin", "onecycle")
    assert answer.code == 2
    for told in ("'onecycle/lr_range_test'", "'onecycle'", "--no-plugin", "cvkit list tuners"):
        assert told in answer.err
    assert answer.err == wording
    assert "--set" not in answer.err
