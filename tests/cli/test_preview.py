"""``cvkit preview``: what a recipe would do, drawn without training."""

from __future__ import annotations

import csv
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pages import lines_of

from cvkit.diagnostics.augmented_views import AugmentedViews
from cvkit.diagnostics.preview import planned_schedule
from cvkit.engine.assembly import build_parts
from cvkit.engine.building import PLACEHOLDER_LR
from cvkit.engine.lr_curve import LrCurve, lr_curve
from cvkit.engine.parts import RunParts
from cvkit.engine.records import EpochRecord
from cvkit.engine.trainer import Trainer
from cvkit.errors import RunError
from cvkit.formatting import percent
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve

SMALL = """\
name: small
dataset: {name: shapes, train_size: 70, test_size: 30}
augmentations: [{name: random_crop, padding: 2}, horizontal_flip]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, momentum: 0.9}
scheduler: {name: one_cycle, max_lr: 0.1, peak_fraction: 0.4}
train: {epochs: 1, batch_size: 8}
report: {augmented: 3}
"""
AUTO = ["scheduler.max_lr=auto", "tuners=[{name: lr_range_test, set: scheduler.max_lr}]"]


@pytest.fixture(scope="module")
def new_run() -> Callable[..., RunParts]:
    """Build a run of the small recipe, with overrides."""
    catalog = discover()

    def new(*overrides: str) -> RunParts:
        recipe = resolve(read_text(SMALL, overrides), catalog)
        return build_parts(recipe, recipe.dataset.build(Path("unused")))

    return new


@pytest.fixture
def steps_taken(monkeypatch) -> list[object]:
    """Every step that an SGD optimizer takes from here on."""
    taken: list[object] = []
    step = torch.optim.SGD.step

    def counted(self, *args, **kwargs):
        taken.append(self)
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.SGD, "step", counted)
    return taken


def said(how: str) -> list[str]:
    """What the page of the preview says above its sections, as a ``warning`` or among its ``notes``."""
    html = Path("previews/preview-small/preview.html").read_text()
    parts = re.findall(rf'<(p|ul) class="{how}">(.*?)</\1>', html, re.DOTALL)
    return [line for _, part in parts for line in lines_of(part)]


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["scheduler.three_phase=true", "scheduler.anneal=linear"],
        ["scheduler={name: cosine, warmup_epochs: 0.4}"],
        ["scheduler={name: step, every: 1}", "train.epochs=2"],
        ["scheduler={name: constant}", "optimizer={name: adamw, lr: 0.01}"],
        ["train.accumulate=2", "train.drop_last=false"],
        ["train.epochs=3", "train.max_steps=13"],
        ["train.epochs=4", "train.schedule_epochs=[1, 2]"],
    ],
    ids=["one_cycle", "three phases", "cosine", "step", "adamw", "accumulation", "max_steps", "passes"],
)
def test_course_is_what_training_uses(new_run, overrides):
    """Every step's learning rate and momentum, to the last bit, as the records of a training hold them."""
    run = new_run(*overrides)
    planned = lr_curve(run)
    records = [event for event in Trainer(run).fit() if isinstance(event, EpochRecord)]
    assert planned.rates[:, 0].tolist() == [rate for record in records for rate in record.step_lrs]
    assert planned.momenta[:, 0].tolist() == [momentum for record in records for momentum in record.step_momenta]


def test_course_leaves_the_run_as_it_was(new_run, steps_taken, recwarn):
    """No optimizer steps, no weight moves, no generator is drawn from, nothing is warned of."""
    run = new_run()
    steps_taken.clear()  # the run's rehearsal, on copies
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    state = torch.get_rng_state()
    lr_curve(run)
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert steps_taken == []
    assert not recwarn.list
    next(Trainer(run).fit())
    assert len(steps_taken) == 1  # so that the count above could have failed


def test_course_of_an_auto_rate_is_the_stand_ins(new_run):
    """It is named, drawn as such, and has the shape that any value gives."""
    auto, set_ = lr_curve(new_run(*AUTO)), lr_curve(new_run(f"scheduler.max_lr={PLACEHOLDER_LR}"))
    assert auto.placeholders == ("scheduler.max_lr",)
    assert set_.placeholders == ()
    assert np.array_equal(auto.rates, set_.rates)
    assert planned_schedule(auto).svg != planned_schedule(set_).svg


def test_schedule_draws_groups_that_differ_and_only_those(new_run, wording):
    """Two groups at one rate share a line; a third has its own, and both are named."""
    planned = lr_curve(new_run())
    alike = LrCurve(planned.rates.repeat(2, axis=1), None, ())
    apart = LrCurve(np.hstack([alike.rates, planned.rates / 10]), None, ())
    lines = [svg.count('id="line2d_') for svg in (planned_schedule(alike).svg, planned_schedule(apart).svg)]
    assert lines[1] == lines[0] + 1
    assert planned_schedule(alike).title == wording


def test_schedule_of_a_long_run_stays_small():
    """A hundred thousand steps are as many points, not as much file."""
    rates = 0.1 * (1 + np.cos(np.linspace(0, np.pi, 100_000)))[:, None]
    figure = planned_schedule(LrCurve(rates, None, ()))
    assert ET.fromstring(figure.svg) is not None
    assert len(figure.svg) < 200_000


def test_preview_writes_a_page_and_its_pictures(cvkit, write, tmp_path, steps_taken):
    """The paths are printed, the page first; nothing else is written, and no step is taken but the rehearsal's."""
    answer = cvkit("preview", write(SMALL))
    assert (answer.code, answer.err) == (0, "")
    folder = Path("previews/preview-small")
    written = [folder / name for name in ("preview.html", "schedule.svg", "schedule.png", "augmented")]
    written += [folder / f"{table}.csv" for table in ("pixels", "augmentations")]
    assert answer.out.splitlines() == [str(path) for path in written]
    assert all(path.exists() for path in written)
    assert len(list((folder / "augmented").iterdir())) == 3 * 4
    assert sorted(os.listdir(tmp_path)) == ["previews", "recipe.yaml"]
    assert len(steps_taken) == 1


def test_preview_page_needs_nothing_else(cvkit, write, wording):
    """Every picture is inside, no address; it says that nothing was trained."""
    cvkit("preview", write(SMALL), "--output", "out")
    html = Path("out/preview-small/preview.html").read_text()
    assert not re.search(r"https?://", html)
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert html.count("<img ") + html.count('class="picture ') == 3 * 4  # three images with three views each
    assert html.count("<section ") == 4
    spoken = re.findall('<svg[^>]*aria-label="([^"]*)"', html)
    assert [words for words in spoken if "begins at" in words] == wording(name="spoken")
    without_drawings = re.sub("<svg.*?</svg>", "", html.partition('<ul class="cards">')[0], flags=re.DOTALL)
    assert "\n".join(lines_of(without_drawings)) == wording


def test_preview_measures_the_pixels_before_and_after_augmentation(new_run):
    """Inverted images have the mean 1 - m, and the model's input follows from the normalisation of the recipe."""
    run = new_run("augmentations=[horizontal_flip]", "report.augmented=5")
    drawn = AugmentedViews.of(run)
    assert drawn.views.shape == (3, 5, 3, 32, 32)
    inverted = AugmentedViews(drawn.originals, 1 - drawn.originals[None] / 255.0, drawn.labels)
    for number, row in enumerate(inverted.pixels(run).rows):
        plain = drawn.originals[:, number].double() / 255
        assert row[0] == ("red", "green", "blue")[number]
        assert row[1] == f"{run.info.mean[number]:.3f} ± {run.info.std[number]:.3f}"
        assert row[2] == f"{plain.mean():.3f} ± {plain.std():.3f}"
        assert row[3] == f"{1 - plain.mean():.3f} ± {plain.std():.3f}"
        assert row[4] == f"{1 - plain.max():.3f} to {1 - plain.min():.3f}"
        share = float(((plain == 0) | (plain == 1)).double().mean())
        assert row[5] == percent(share, 1)
        seen = run.preprocessor.normalize(inverted.views[0].float())[:, number]
        assert row[6] == f"{seen.mean():+.2f} ± {seen.std():.2f}"


def test_preview_lists_the_augmentations_with_all_options(cvkit, write):
    """In their order, with the defaults that the recipe does not name."""
    cvkit("preview", write(SMALL))
    with open("previews/preview-small/augmentations.csv", encoding="utf-8", newline="") as file:
        rows = [*csv.reader(file)]
    assert [row[1] for row in rows[1:]] == ["kornia/random_crop", "kornia/horizontal_flip"]
    assert "padding: 2" in rows[1][2]
    assert rows[2][2] == "p: 0.5"


def test_preview_says_what_stands_in_for_auto(cvkit, write, wording):
    """Which place, who fills it, what is drawn instead, and how to draw another."""
    recipe = write(SMALL)
    answer = cvkit("preview", recipe, *(word for override in AUTO for word in ("--set", override)))
    assert (answer.code, answer.err) == (0, "")
    (warning,) = said("warning")
    for told in (
        "scheduler.max_lr ",
        "onecycle/lr_range_test",
        f"{PLACEHOLDER_LR:g}",
        "--set scheduler.max_lr=VALUE",
    ):
        assert told in warning
    assert warning == wording
    cvkit("preview", recipe)
    assert said("warning") == []


def test_preview_again_replaces_the_earlier_one(cvkit, write, wording):
    """Pictures that it no longer shows are gone; where there is a file that is not a preview's, all is left alone."""
    recipe, folder = write(SMALL), Path("previews/preview-small")
    cvkit("preview", recipe)
    assert cvkit("preview", recipe, "--set", "report.augmented=1").code == 0
    assert len(list((folder / "augmented").iterdir())) == 4
    (folder / "notes.txt").write_text("mine")
    answer = cvkit("preview", recipe)
    assert (answer.code, answer.out) == (2, "")
    assert "notes.txt" in answer.err
    assert answer.err == wording
    assert len(list((folder / "augmented").iterdir())) == 4


@pytest.mark.parametrize("override", ["augmentations=[]", "report.augmented=0"])
def test_preview_without_images_says_why(cvkit, write, wording, override):
    """There is still the schedule."""
    answer = cvkit("preview", write(SMALL), "--set", override)
    assert answer.code == 0
    assert "augmented" not in answer.out
    (note,) = said("notes")
    assert note == wording


def test_preview_of_a_run_cut_short_says_so(cvkit, write, wording):
    """The schedule is made for all epochs, of which `train.max_steps` leaves a part."""
    cvkit("preview", write(SMALL), "--set", "train.max_steps=5", "--set", "train.epochs=3")
    (note,) = said("notes")
    for told in ("24", "train.max_steps", "5"):
        assert told in note
    assert note == wording


@pytest.mark.parametrize(
    ("override", "code", "named"),
    [
        ("scheduler.max_rl=1", 2, "'max_rl'"),
        ("scheduler.peak_epoch=2", 2, "16"),
        ("train.batch_size=71", 2, "70"),
    ],
)
def test_preview_of_a_mistake_leaves_no_folder(cvkit, write, tmp_path, wording, override, code, named):
    """Whether the recipe shows it or only the parts at work."""
    answer = cvkit("preview", write(SMALL), "--set", override)
    assert answer.code == code
    assert named in answer.err
    assert answer.err == wording
    assert "Traceback" not in answer.err
    assert os.listdir(tmp_path) == ["recipe.yaml"]


def test_preview_that_cannot_be_written_says_so(cvkit, write, tmp_path, wording):
    """A file is where the folder would be."""
    (tmp_path / "previews").mkdir()
    (tmp_path / "previews" / "preview-small").write_text("")
    answer = cvkit("preview", write(SMALL))
    assert answer.code == 2
    assert "'previews/preview-small'" in answer.err
    assert answer.err == wording


def test_a_schedule_of_millions_of_steps_is_not_walked(new_run, wording):
    """The error says how to see its beginning, which is drawn."""
    with pytest.raises(RunError) as caught:
        lr_curve(new_run("train.epochs=1000000"))
    assert "8,000,000" in str(caught.value)
    assert "set train.max_steps=" in str(caught.value)
    assert str(caught.value) == wording
    assert len(lr_curve(new_run("train.epochs=1000000", "train.max_steps=20")).rates) == 20
