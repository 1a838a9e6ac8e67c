"""What a run says of its parts beyond the numbers: averages beside the trained weights, figures that fail."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

import pytest
from pages import outline, without_any_number

from cvkit import EpochRecord, RunFolder, build_parts
from cvkit.engine.building import open_dataset
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve
from cvkit.runs.lines import epoch_line
from cvkit.runs.session import Session

RECIPE = """
name: small
dataset: {name: shapes, train_size: 16, test_size: 12}
augmentations: []
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.01}
explainers: []
train: {epochs: 1, batch_size: 8, ema: 0.999}
report: {misclassified: 0}
"""
TUNERS = """
from cvkit import Component, Proposal, hookimpl


@hookimpl
def cvkit_tuners():
    yield Component("scribble", "tuners_that_fail:scribble", "Cannot draw what it found")
    yield Component("hoard", "tuners_that_fail:hoard", "Keeps what JSON cannot")


def scribble(run):
    def paint(figure):
        raise LookupError("no such colour")
    return Proposal(0.05, "because", "Scribbles", draw=paint)


def hoard(run):
    return Proposal(0.05, "because", "A hoard", data={"all": {1, 2}, "none": float("nan")})
"""


def facts_and_curves(page: str) -> str:
    """Return a page's facts and the caption of its first figure, without numbers."""
    facts = outline(page.partition("<main>")[0])
    return without_any_number("\n".join([*facts, re.search(r"</strong>(.*?)</figcaption>", page).group(1).strip()]))


@pytest.fixture(autouse=True)
def on_one_thread(one_thread):
    """The networks are small."""


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "tuners_that_fail.py").write_text(TUNERS)

    def make(*overrides: str) -> Session:
        catalog = discover(paths=[tmp_path / "tuners_that_fail.py"])
        recipe = resolve(read_text(RECIPE, overrides), catalog)
        parts = build_parts(recipe, open_dataset(recipe, tmp_path))
        session = Session(parts, RunFolder.create(tmp_path / "runs", "small"), tmp_path, catalog)
        session.start()
        return session

    yield make
    sys.modules.pop("tuners_that_fail", None)


def test_both_accuracies_and_the_warning_are_where_a_user_looks(session, wording):
    """In the epoch's line, on the page as a number and as a curve; the warning beside them and in run.json."""
    averaged = session()
    (record,) = [event for event in averaged.train() if isinstance(event, EpochRecord)]
    assert epoch_line(record).endswith(f" {100 * record.accuracy_unaveraged:.2f}")
    assert without_any_number(" ".join(epoch_line(record).split())) == wording(name="line")
    page = html.unescape(Path(averaged.report()).read_text(encoding="utf-8"))
    assert facts_and_curves(page) == wording(name="report")
    (told,) = [line for line in averaged.folder.info()["warnings"] if "train.ema" in line]
    assert "0.999" in told
    assert told in page


def test_run_that_averages_nothing_says_nothing_of_it(session, wording):
    """Neither line nor page."""
    plain = session("train.ema=null")
    (record,) = [event for event in plain.train() if isinstance(event, EpochRecord)]
    assert record.accuracy_unaveraged is None
    assert without_any_number(" ".join(epoch_line(record).split())) == wording(name="line")
    page = html.unescape(Path(plain.report()).read_text(encoding="utf-8"))
    assert facts_and_curves(page) == wording(name="report")
    assert not any("train.ema" in line for line in plain.folder.info()["warnings"])


@pytest.mark.parametrize(("tuner", "words"), [("scribble", "no such colour"), ("hoard", "JSON")])
def test_tuner_that_cannot_show_what_it_found_costs_no_run(session, tuner, words):
    """Its value is used, and a warning names it."""
    tuned = session("optimizer.lr=auto", f"tuners=[{{name: {tuner}, set: optimizer.lr}}]")
    list(tuned.tune())
    assert tuned.recipe.optimizer.options["lr"] == 0.05
    (warning,) = [line for line in tuned.warnings if "tuners_that_fail" in line]
    assert words in warning
    assert f"'{tuner}" in warning or f"/{tuner}" in warning
    assert [result["name"] for result in tuned.folder.tuning()] == [f"tuning_1_{tuner}"]
